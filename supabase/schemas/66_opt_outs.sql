-- Contacts that want no messages (contacts.opted_out_at).

-- Withdraws queued messages except cancellations, which are always sent. False when already opted out.
create function public.contact_opt_out(p_company_id bigint, p_phone text, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
  v_withdrawn integer := 0;
begin
  -- Serialises with planning: a plan is either withdrawn below or sees the opt-out.
  perform from public.companies where id = p_company_id for no key update;
  insert into public.contacts as contact (company_id, phone, opted_out_at) values (p_company_id, p_phone, now())
  on conflict (company_id, phone) do update set opted_out_at = now() where contact.opted_out_at is null;
  if not found then
    return false;
  end if;
  for v_message in
    update public.messages set status = 'withdrawn'
    where company_id = p_company_id and phone = p_phone and status = 'queued' and kind <> 'cancellation'
    returning *
  loop
    perform public.message_event(v_message, 'message_withdrawn', p_cause);
    v_withdrawn := v_withdrawn + 1;
  end loop;
  perform public.event_record(p_company_id, 'client_opted_out', p_cause, jsonb_build_object('withdrawn', v_withdrawn));
  return true;
end
$$;

create function public.contact_opt_in(p_company_id bigint, p_phone text, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.contacts set opted_out_at = null
  where company_id = p_company_id and phone = p_phone and opted_out_at is not null;
  if not found then
    return false;
  end if;
  perform public.event_record(p_company_id, 'client_opted_in', p_cause);
  return true;
end
$$;

create function public.contacts_opted_out(p_company_id bigint, p_limit integer)
returns table (phone text, opted_out_at timestamptz) language sql stable set search_path = '' as $$
  select phone, opted_out_at from public.contacts
  where company_id = p_company_id and opted_out_at is not null
  order by opted_out_at desc limit p_limit
$$;

revoke execute on function
  public.contact_opt_out, public.contact_opt_in, public.contacts_opted_out
from public, anon, authenticated;
grant execute on function
  public.contact_opt_out, public.contact_opt_in, public.contacts_opted_out
to service_role;
