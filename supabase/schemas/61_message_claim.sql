-- Claims the next message of a company for sending, within its pacing limits, quiet hours and restrictions.

-- The result when nothing can be claimed. The delay is relative, because the caller's clock may be wrong.
create function public.claim_later(p_due_at timestamptz, p_now timestamptz)
returns json language sql immutable set search_path = '' as $$
  select json_build_object('due_at', p_due_at, 'due_in_ms', ceil(extract(epoch from p_due_at - p_now) * 1000))
$$;

-- True when an earlier message to the same client is still to be sent: messages to one client keep their order.
create function public.message_is_behind(p_message public.messages, p_now timestamptz, p_quiet boolean)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.messages earlier
    where earlier.company_id = p_message.company_id and earlier.phone = p_message.phone
      and (earlier.due_at, earlier.sequence) < (p_message.due_at, p_message.sequence)
      -- A message held by quiet hours does not block one that is not.
      and not (p_quiet and earlier.heeds_quiet_hours and not p_message.heeds_quiet_hours)
      and case earlier.status
        when 'queued' then earlier.expires_at is null or earlier.expires_at > p_now
        when 'sending' then earlier.handed_over_at is null
      end
  )
$$;

-- {"message": …} or {"due_at", "due_in_ms"}. All times are the database's: neither a restart nor a clock jump of the server
-- can raise the rate.
create function public.message_claim(
  p_company_id bigint, p_owner text, p_token bigint, p_limits json, p_gap_ms integer, p_max_attempts integer,
  p_quiet_until timestamptz default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_quiet boolean := coalesce(p_quiet_until > v_now, false);
  v_company public.companies;
  v_share numeric;
  v_pace_at timestamptz;
  v_first_at timestamptz;
  v_strangers boolean;
  v_restricted_until timestamptz;
  v_due_at timestamptz;
  v_message public.messages;
  v_told jsonb;
begin
  -- Serialises claims and plans of one company.
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found or v_company.integration_status in ('frozen', 'uninstalled')
    or not public.lease_is_held(p_company_id, p_owner, p_token) then
    return public.claim_later(null, v_now);
  end if;
  v_now := clock_timestamp();
  v_pace_at := v_company.next_send_at;
  if p_limits is not null then
    v_share := case when v_company.paced_down_until > v_now then 0.5 else 1 end;
    v_pace_at := greatest(v_pace_at,
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perMinute')::numeric, interval '1 minute'),
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perHour')::numeric, interval '1 hour'),
      public.pace_window_free_at(p_company_id, v_share * (p_limits ->> 'perDay')::numeric, interval '1 day'));
    v_first_at := greatest(v_company.first_contacts_held_until,
      public.pace_first_contact_at(p_company_id, v_share * (p_limits ->> case
        when coalesce(v_company.paced_since, v_company.connected_at) < v_now - (p_limits ->> 'warmUpDays')::numeric * interval '1 day'
        then 'firstContactsPerDay' else 'warmUpFirstContactsPerDay' end)::numeric));
  end if;
  v_strangers := coalesce(v_first_at <= v_now, true);
  -- Applies without pacing limits as well: WhatsApp would refuse the messages.
  select ends_at into v_restricted_until from public.whatsapp_restrictions
  where company_id = p_company_id and ends_at > v_now;

  select * into v_message from public.messages
  where company_id = p_company_id and status = 'sending' and lease_token < p_token and attempts < p_max_attempts
    and (expires_at is null or expires_at > v_now)
    and not (v_quiet and heeds_quiet_hours)
  order by due_at, sequence limit 1;
  if not found then
    select message.* into v_message from public.messages message
    where message.company_id = p_company_id and message.status = 'queued' and message.not_before <= v_now
      and (message.expires_at is null or message.expires_at > v_now)
      and not (v_quiet and message.heeds_quiet_hours)
      and (v_strangers or message.kind = 'reply' or exists (
        select from public.contacts contact
        where contact.company_id = p_company_id and contact.phone = message.phone
          and coalesce(contact.first_sent_at, contact.last_received_at) is not null))
      and (v_restricted_until is null or message.kind = 'reply'
        or public.contact_has_chat(p_company_id, message.phone))
      and not public.message_is_behind(message, v_now, v_quiet)
    order by message.due_at, message.sequence limit 1;
  end if;
  if v_message.id is null then
    select least(
      (select min(not_before) from public.messages
        where company_id = p_company_id and status = 'queued' and not_before > v_now),
      -- Sorted first (offset 0), so that message_is_behind runs for few rows.
      (select held.until_at from (
          select message, greatest(
            case when v_quiet and message.heeds_quiet_hours then p_quiet_until end,
            case when not v_strangers and message.kind <> 'reply'
              and not public.contact_is_known(p_company_id, message.phone) then v_first_at end,
            case when v_restricted_until is not null and message.kind <> 'reply'
              and not public.contact_has_chat(p_company_id, message.phone) then v_restricted_until end) as until_at
          from public.messages message
          where (v_quiet or not v_strangers or v_restricted_until is not null)
            and message.company_id = p_company_id and message.status = 'queued' and message.not_before <= v_now
            and (message.expires_at is null or message.expires_at > v_now)
          order by until_at offset 0
        ) held
        where held.until_at is not null and not public.message_is_behind(held.message, v_now, v_quiet) limit 1),
      case when v_quiet and exists (select from public.messages
        where company_id = p_company_id and status = 'sending' and lease_token < p_token and heeds_quiet_hours)
        then p_quiet_until end) into v_due_at;
    return public.claim_later(greatest(v_due_at, case when v_due_at is not null then v_pace_at end), v_now);
  end if;
  if v_pace_at > v_now then
    return public.claim_later(v_pace_at, v_now);
  end if;

  update public.companies
  set next_send_at = v_now + public.pace_gap(v_company, p_gap_ms, coalesce((p_limits ->> 'rampMs')::integer, 0), v_now)
  where id = p_company_id;
  if v_message.status = 'queued' then
    v_message.first_contact := v_message.kind <> 'reply' and not public.contact_is_known(p_company_id, v_message.phone);
    insert into public.contacts (company_id, phone, first_sent_at) values (p_company_id, v_message.phone, v_now)
    on conflict (company_id, phone) do update set first_sent_at = coalesce(contacts.first_sent_at, excluded.first_sent_at);
    if v_message.tells is not null then
      select told into v_told from public.bookings
      where company_id = p_company_id and record_id = v_message.record_id for no key update;
      update public.bookings set told = v_message.tells, told_count = told_count + 1, version = version + 1
      where company_id = p_company_id and record_id = v_message.record_id;
    end if;
  else
    v_told := v_message.told_before;
  end if;
  delete from public.message_attempts where company_id = p_company_id and at < v_now - interval '1 day';
  insert into public.message_attempts (company_id, message_id, first_contact, at)
  values (p_company_id, v_message.id, v_message.first_contact and v_message.status = 'queued', v_now);
  update public.messages
  set status = 'sending', attempts = attempts + 1, lease_token = p_token, sending_at = v_now, handed_over_at = null,
    error_code = null, first_contact = v_message.first_contact, told_before = v_told
  where id = v_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_sending', 'outbox', jsonb_build_object('attempt', v_message.attempts));
  return json_build_object('message', row_to_json(v_message));
end
$$;

revoke execute on function
  public.claim_later, public.message_is_behind, public.message_claim
from public, anon, authenticated;
grant execute on function
  public.claim_later, public.message_is_behind, public.message_claim
to service_role;
