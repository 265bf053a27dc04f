-- Claims the next message of a company for sending, within its pacing limits, quiet hours and restrictions.

-- The result when nothing can be claimed. The delay is relative, because the caller's clock may be wrong.
create function public.message_claim_wait(p_due_at timestamptz, p_now timestamptz)
returns json language sql immutable set search_path = '' as $$
  select json_build_object('due_at', p_due_at, 'due_in_ms', ceil(extract(epoch from p_due_at - p_now) * 1000))
$$;

-- True when an earlier message to the same client is still to be sent: messages to one client keep their order.
create function public.message_is_blocked(p_message public.messages, p_now timestamptz, p_quiet boolean)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.messages earlier
    where earlier.company_id = p_message.company_id and earlier.phone = p_message.phone
      and (earlier.due_at, earlier.sequence) < (p_message.due_at, p_message.sequence)
      -- A message held by quiet hours does not block one that is not.
      and not (p_quiet and earlier.respects_quiet_hours and not p_message.respects_quiet_hours)
      and case earlier.status
        when 'queued' then earlier.expires_at is null or earlier.expires_at > p_now
        when 'sending' then earlier.dispatched_at is null
      end
  )
$$;

-- What holds messages back at the time of a claim. A time is null when it does not apply.
create type public.claim_holds as (
  claimed_at timestamptz,
  -- Messages that respect quiet hours.
  quiet_until timestamptz,
  -- First contacts, except replies.
  first_contact_until timestamptz,
  -- Messages to contacts without a chat, except replies.
  new_chat_until timestamptz
);

-- {"message": …} or {"due_at", "due_in_ms"}. All times are the database's: neither a restart nor a clock jump of the server
-- can raise the rate.
create function public.message_claim(
  p_company_id bigint, p_owner text, p_token bigint, p_limits json, p_gap_ms integer, p_max_attempts integer,
  p_quiet_until timestamptz default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_now timestamptz;
  v_pace record;
  v_holds public.claim_holds;
  v_message public.messages;
  v_due_at timestamptz;
begin
  -- Serialises claims and plans of one company.
  select * into v_company from public.companies where id = p_company_id for no key update;
  if not found or v_company.integration_status in ('frozen', 'uninstalled')
    or not public.lease_is_held(p_company_id, p_owner, p_token) then
    return public.message_claim_wait(null, clock_timestamp());
  end if;

  v_now := clock_timestamp();
  v_pace := public.pace_next(v_company, p_limits, v_now);
  v_holds := public.message_claim_holds(p_company_id, p_quiet_until, v_pace.first_contact_at, v_now);
  v_message := public.message_next_retry(p_company_id, p_token, p_max_attempts, v_holds);
  if v_message.id is null then
    v_message := public.message_next_due(p_company_id, v_holds);
  end if;
  if v_message.id is null then
    v_due_at := public.message_next_due_at(p_company_id, p_token, v_holds);
    return public.message_claim_wait(greatest(v_due_at, case when v_due_at is not null then v_pace.send_at end), v_now);
  end if;
  if v_pace.send_at > v_now then
    return public.message_claim_wait(v_pace.send_at, v_now);
  end if;

  update public.companies
  set next_send_at = v_now + public.pace_gap(v_company, p_gap_ms, coalesce((p_limits ->> 'rampMs')::integer, 0), v_now)
  where id = p_company_id;
  v_message := public.message_mark_sending(v_message, p_token, v_now);
  return json_build_object('message', row_to_json(v_message));
end
$$;

create function public.message_claim_holds(
  p_company_id bigint, p_quiet_until timestamptz, p_first_contact_at timestamptz, p_now timestamptz
) returns public.claim_holds language plpgsql stable set search_path = '' as $$
declare
  v_holds public.claim_holds;
begin
  v_holds.claimed_at := p_now;
  v_holds.quiet_until := case when p_quiet_until > p_now then p_quiet_until end;
  v_holds.first_contact_until := case when p_first_contact_at > p_now then p_first_contact_at end;
  -- Applies without pacing limits as well: WhatsApp would refuse the messages.
  v_holds.new_chat_until := (
    select ends_at from public.whatsapp_restrictions where company_id = p_company_id and ends_at > p_now
  );
  return v_holds;
end
$$;

-- Null when the message may be claimed.
create function public.message_hold_until(p_message public.messages, p_holds public.claim_holds)
returns timestamptz language plpgsql stable set search_path = '' as $$
begin
  return greatest(
    case when p_message.respects_quiet_hours then p_holds.quiet_until end,
    case when p_holds.first_contact_until is not null and p_message.kind <> 'reply'
      and not public.contact_is_known(p_message.company_id, p_message.phone) then p_holds.first_contact_until end,
    case when p_holds.new_chat_until is not null and p_message.kind <> 'reply'
      and not public.contact_has_chat(p_message.company_id, p_message.phone) then p_holds.new_chat_until end);
end
$$;

-- The next message interrupted under an older lease. Only quiet hours hold it: the earlier attempt may
-- have reached the client.
create function public.message_next_retry(
  p_company_id bigint, p_token bigint, p_max_attempts integer, p_holds public.claim_holds
) returns public.messages language plpgsql stable set search_path = '' as $$
declare
  v_message public.messages;
begin
  select * into v_message from public.messages
  where company_id = p_company_id and status = 'sending' and lease_token < p_token and attempts < p_max_attempts
    and (expires_at is null or expires_at > p_holds.claimed_at)
    and not (p_holds.quiet_until is not null and respects_quiet_hours)
  order by due_at, sequence limit 1;
  return v_message;
end
$$;

-- The next queued message.
create function public.message_next_due(p_company_id bigint, p_holds public.claim_holds)
returns public.messages language plpgsql stable set search_path = '' as $$
declare
  v_message public.messages;
begin
  select message.* into v_message from public.messages message
  where message.company_id = p_company_id and message.status = 'queued' and message.not_before <= p_holds.claimed_at
    and (message.expires_at is null or message.expires_at > p_holds.claimed_at)
    -- Implied by message_hold_until; evaluated first because it needs no call per message.
    and not (p_holds.quiet_until is not null and message.respects_quiet_hours)
    and public.message_hold_until(message, p_holds) is null
    and not public.message_is_blocked(message, p_holds.claimed_at, p_holds.quiet_until is not null)
  order by message.due_at, message.sequence limit 1;
  return v_message;
end
$$;

-- When to claim again after there was nothing to claim: when a message becomes due or the first hold ends. Pacing comes on top.
create function public.message_next_due_at(p_company_id bigint, p_token bigint, p_holds public.claim_holds)
returns timestamptz language plpgsql stable set search_path = '' as $$
begin
  return least(
    (select min(not_before) from public.messages
      where company_id = p_company_id and status = 'queued' and not_before > p_holds.claimed_at),
    -- Sorted first (offset 0), so that message_is_blocked runs for few rows.
    (select held.until_at from (
        select message, public.message_hold_until(message, p_holds) as until_at
        from public.messages message
        where coalesce(p_holds.quiet_until, p_holds.first_contact_until, p_holds.new_chat_until) is not null
          and message.company_id = p_company_id and message.status = 'queued' and message.not_before <= p_holds.claimed_at
          and (message.expires_at is null or message.expires_at > p_holds.claimed_at)
        order by until_at offset 0
      ) held
      where held.until_at is not null
        and not public.message_is_blocked(held.message, p_holds.claimed_at, p_holds.quiet_until is not null) limit 1),
    case when p_holds.quiet_until is not null and exists (select from public.messages
      where company_id = p_company_id and status = 'sending' and lease_token < p_token and respects_quiet_hours)
      then p_holds.quiet_until end);
end
$$;

-- Moves a message to `sending` and records the attempt. The client counts as contacted and notified from here on;
-- message_release undoes this. A retry keeps what its first claim recorded.
create function public.message_mark_sending(p_message public.messages, p_token bigint, p_now timestamptz)
returns public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages := p_message;
  v_is_retry boolean := p_message.status = 'sending';
begin
  if not v_is_retry then
    v_message.first_contact := v_message.kind <> 'reply'
      and not public.contact_is_known(v_message.company_id, v_message.phone);
    insert into public.contacts (company_id, phone, first_sent_at) values (v_message.company_id, v_message.phone, p_now)
    on conflict (company_id, phone) do update set first_sent_at = coalesce(contacts.first_sent_at, excluded.first_sent_at);
    v_message.previous_notified := null;
    if v_message.notifies is not null then
      select notified into v_message.previous_notified from public.bookings
      where company_id = v_message.company_id and record_id = v_message.record_id for no key update;
      update public.bookings set notified = v_message.notifies, notification_count = notification_count + 1, version = version + 1
      where company_id = v_message.company_id and record_id = v_message.record_id;
    end if;
  end if;
  delete from public.message_attempts where company_id = v_message.company_id and at < p_now - interval '1 day';
  insert into public.message_attempts (company_id, message_id, first_contact, at)
  values (v_message.company_id, v_message.id, v_message.first_contact and not v_is_retry, p_now);
  update public.messages
  set status = 'sending', attempts = attempts + 1, lease_token = p_token, sending_at = p_now, dispatched_at = null,
    error_code = null, first_contact = v_message.first_contact, previous_notified = v_message.previous_notified
  where id = v_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_sending', 'outbox', jsonb_build_object('attempt', v_message.attempts));
  return v_message;
end
$$;

revoke execute on function
  public.message_claim_wait, public.message_is_blocked, public.message_claim, public.message_claim_holds,
  public.message_hold_until, public.message_next_retry, public.message_next_due, public.message_next_due_at,
  public.message_mark_sending
from public, anon, authenticated;
grant execute on function
  public.message_claim_wait, public.message_is_blocked, public.message_claim, public.message_claim_holds,
  public.message_hold_until, public.message_next_retry, public.message_next_due, public.message_next_due_at,
  public.message_mark_sending
to service_role;
