-- A message that WhatsApp refuses with 463 or 429 has one more attempt, later and under the same id.

alter table public.messages add column refusals integer not null default 0;
comment on column public.messages.refusals is 'Attempts that WhatsApp refused: what was refused has not reached anybody.';

-- {"message": …} or when to look again. All times are the database's: a restart or a clock that jumps cannot raise the rate.
create or replace function public.message_claim(
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
  -- The company's row first: its lock makes claims and plans of one company wait for each other.
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
        when v_company.connected_at < v_now - (p_limits ->> 'warmUpDays')::numeric * interval '1 day'
        then 'firstContactsPerDay' else 'warmUpFirstContactsPerDay' end)::numeric));
  end if;
  v_strangers := coalesce(v_first_at <= v_now, true);
  -- Also where no pace is kept: WhatsApp would refuse them.
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
      -- Sorted first: whether one is behind another is asked of few.
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

-- Nothing left this machine: the client has heard nothing.
create or replace function public.message_release(
  p_company_id bigint, p_token bigint, p_message_id uuid, p_retry_after_ms integer
) returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  perform from public.companies where id = p_company_id for no key update;
  update public.messages set
    status = 'queued',
    attempts = attempts - 1,
    not_before = clock_timestamp() + p_retry_after_ms * interval '1 millisecond'
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
  returning * into v_message;
  if not found then
    return;
  end if;
  delete from public.message_attempts
  where id = (select max(id) from public.message_attempts where message_id = p_message_id);
  if public.message_is_obsolete(v_message) then
    update public.messages set status = case when attempts > refusals then 'unknown' else 'withdrawn' end
    where id = p_message_id returning * into v_message;
    perform public.message_event(v_message, 'message_' || v_message.status, 'outbox');
  end if;
  if v_message.attempts > v_message.refusals then
    -- An earlier attempt may have reached the client.
    return;
  end if;
  if v_message.first_contact then
    update public.contacts set first_sent_at = null where company_id = p_company_id and phone = v_message.phone;
  end if;
  update public.bookings set told = v_message.told_before, told_count = told_count - 1, version = version + 1
  where company_id = p_company_id and record_id = v_message.record_id and told = v_message.tells;
end
$$;

-- What was not sent by then must not go after a later installation, unless that plans it anew. A confirmation is no news then:
-- whoever booked has come to know of it elsewhere, and only reminders and changes are left to say.
create or replace function public.company_withdraw(p_company_id bigint, p_cause text)
returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    -- An earlier attempt may have reached the client.
    update public.messages set status = case when attempts > refusals then 'unknown' else 'withdrawn' end
    where company_id = p_company_id and status = 'queued' returning *
  loop
    perform public.message_event(v_message, 'message_' || v_message.status, p_cause);
    if v_message.kind = 'confirmation' and v_message.status = 'withdrawn' and v_message.tells is not null then
      update public.bookings set told = v_message.tells || '{"assumed": true}', version = version + 1
      where company_id = p_company_id and record_id = v_message.record_id;
    end if;
  end loop;
end
$$;

-- Puts a refused message back, if one more attempt makes sense: not twice, not past its use, not of an installation that is
-- over. Nothing when it does not.
create function public.message_put_back_refused(p_message public.messages, p_error_code text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_again_at timestamptz := clock_timestamp() + interval '5 minutes';
  v_message public.messages;
begin
  if p_message.status not in ('queued', 'sending', 'unknown') or p_message.attempts = 0 or p_message.refusals > 0
    or p_message.expires_at <= v_again_at or public.message_is_obsolete(p_message)
    or exists (select from public.companies where id = p_message.company_id and integration_status = 'uninstalled') then
    return;
  end if;
  update public.messages set status = 'queued', refusals = refusals + 1, error_code = p_error_code,
    not_before = v_again_at, handed_over_at = null
  where id = p_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_refused', 'whatsapp',
    jsonb_build_object('error_code', p_error_code));
  if v_message.attempts = v_message.refusals then
    -- The client has heard nothing.
    update public.bookings set told = v_message.told_before, told_count = told_count - 1, version = version + 1
    where company_id = v_message.company_id and record_id = v_message.record_id and told = v_message.tells;
  end if;
  return next v_message;
end
$$;

-- The message that moved; nothing when none did.
create or replace function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
  v_again public.messages;
  v_is_refused boolean := p_to = 'failed' and coalesce(p_error_code in ('463', '429'), false);
  v_is_taken boolean := p_to in ('sent', 'delivered', 'read');
begin
  if p_to = 'failed' or v_is_taken and exists (
    select from public.messages message
    join public.contacts contact on contact.company_id = message.company_id and contact.phone = message.phone
    where message.company_id = p_company_id and message.whatsapp_message_id = p_whatsapp_message_id
      and contact.reached_at is null
  ) then
    -- In the order of the claims: other rows are written below.
    perform from public.companies where id = p_company_id for no key update;
  end if;
  if v_is_refused then
    select * into v_message from public.messages
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id for no key update;
    if not found or v_message.status = 'queued' and v_message.refusals > 0 then
      -- None of the outbox, such as the test message; or the same refusal again.
      return;
    end if;
    select * into v_again from public.message_put_back_refused(v_message, p_error_code);
  end if;
  if v_again.id is null then
    update public.messages set
      status = p_to,
      error_code = case when p_to = 'failed' then p_error_code end,
      sent_at = case when v_is_taken then coalesce(sent_at, now()) else sent_at end,
      delivered_at = case when p_to in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
      read_at = case when p_to = 'read' then now() else read_at end
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
      and public.message_may_become(status, p_to)
    returning * into v_message;
    if not found then
      return;
    end if;
    perform public.message_event(v_message, 'message_' || p_to, 'whatsapp',
      jsonb_strip_nulls(jsonb_build_object('error_code', v_message.error_code)));
  end if;
  if v_is_taken then
    update public.contacts set reached_at = clock_timestamp()
    where company_id = p_company_id and phone = v_message.phone and reached_at is null;
  end if;
  if v_is_refused then
    update public.companies set
      paced_down_until = greatest(paced_down_until, clock_timestamp() + interval '1 day'),
      next_send_at = case when p_error_code = '429'
        then greatest(next_send_at, clock_timestamp() + interval '5 minutes') else next_send_at end
    where id = p_company_id;
    if p_error_code = '463' then
      perform public.restriction_suspected(p_company_id, v_message.refusals > 0);
    end if;
    perform public.event_record(p_company_id, 'pacing_reduced', 'whatsapp:' || p_error_code,
      jsonb_build_object('message_id', v_message.id));
  end if;
  if v_again.id is not null then
    return next v_again;
  else
    return next v_message;
  end if;
end
$$;

revoke execute on function public.message_put_back_refused from public, anon, authenticated;
grant execute on function public.message_put_back_refused to service_role;
