-- Why a session is in its state is kept beside the state, so that it is known after a restart and on every instance.

alter table public.companies add column session_cause text;
comment on column public.companies.session_cause is 'A word or a disconnect code; null where the state says it all.';

create or replace function public.company_record_session(
  p_company_id bigint, p_state text, p_cause text default null, p_phone text default null
) returns setof public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_changed boolean;
  v_linked boolean;
begin
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found then
    return;
  end if;
  v_changed := v_company.session_state <> p_state;
  v_linked := p_state = 'connected'
    and (v_company.connected_at is null or v_company.whatsapp_phone is distinct from coalesce(p_phone, v_company.whatsapp_phone));
  if v_changed then
    perform public.event_record(p_company_id, 'session_state_changed', coalesce(p_cause, 'session'),
      jsonb_build_object('from', v_company.session_state, 'to', p_state, 'linked', v_linked));
  end if;
  return query update public.companies set
    session_state = p_state,
    session_cause = p_cause,
    session_state_since = case when v_changed then now() else session_state_since end,
    whatsapp_phone = coalesce(p_phone, whatsapp_phone),
    connected_at = case when v_linked then now() when p_state = 'logged_out' then null else connected_at end
  where id = p_company_id returning *;
end
$$;

-- Installed salons whose WhatsApp is not there, longest first: most of them wait for a person. Whoever was linked once and only
-- began to link again is among them.
create function public.companies_without_whatsapp(p_limit integer)
returns setof public.companies language sql stable set search_path = '' as $$
  select * from public.companies
  where integration_status <> 'uninstalled'
    and (session_state in ('reconnecting', 'logged_out', 'passkey_required', 'banned', 'conflict', 'stopped')
      or (session_state in ('idle', 'pairing', 'qr_expired') and whatsapp_phone is not null))
  order by session_state_since, id
  limit p_limit
$$;

revoke execute on function public.companies_without_whatsapp from public, anon, authenticated;
grant execute on function public.companies_without_whatsapp to service_role;
