-- Writes a booking together with the plan of its messages in one transaction.

-- Null without any change when the stored version differs from p_expected_version (0: not stored yet).
create function public.booking_apply(
  p_company_id bigint, p_expected_version integer, p_booking json, p_plan json, p_event json
) returns json language plpgsql set search_path = '' as $$
declare
  v_booking public.bookings := json_populate_record(null::public.bookings, p_booking);
begin
  -- Serialises with claims: a claimed message has either updated the notified state already or is replaced by the plan.
  perform from public.companies where id = p_company_id for no key update;
  if p_expected_version = 0 then
    insert into public.bookings (company_id, record_id, version, starts_at, staff_id, staff_name, services,
      client_phone, client_name, cancelled, changed_at, attendance, online, duration_seconds, created_at,
      creation_seen, start_known_at, notified, notification_count)
    values (p_company_id, v_booking.record_id, 1, v_booking.starts_at, v_booking.staff_id, v_booking.staff_name,
      v_booking.services, v_booking.client_phone, v_booking.client_name, v_booking.cancelled, v_booking.changed_at,
      v_booking.attendance, v_booking.online, v_booking.duration_seconds, v_booking.created_at,
      v_booking.creation_seen, v_booking.start_known_at, v_booking.notified, v_booking.notification_count)
    on conflict (company_id, record_id) do nothing;
  else
    update public.bookings set
      version = version + 1, updated_at = now(),
      starts_at = v_booking.starts_at, staff_id = v_booking.staff_id, staff_name = v_booking.staff_name,
      services = v_booking.services, client_phone = v_booking.client_phone, client_name = v_booking.client_name,
      cancelled = v_booking.cancelled, changed_at = v_booking.changed_at, attendance = v_booking.attendance,
      online = v_booking.online, duration_seconds = v_booking.duration_seconds, created_at = v_booking.created_at,
      creation_seen = v_booking.creation_seen, start_known_at = v_booking.start_known_at,
      notified = v_booking.notified, notification_count = v_booking.notification_count
    where company_id = p_company_id and record_id = v_booking.record_id and version = p_expected_version;
  end if;
  if not found then
    return null;
  end if;
  perform public.event_record(p_company_id, p_event ->> 'type', p_event ->> 'cause', (p_event -> 'detail')::jsonb);
  perform public.booking_withdraw_unplanned(p_company_id, v_booking.record_id, p_plan, p_event ->> 'cause');
  return public.booking_enqueue_plan(p_company_id, p_plan, p_event ->> 'cause');
end
$$;

-- Withdraws queued booking messages that p_plan does not contain. Messages past expires_at are left to messages_expire.
create function public.booking_withdraw_unplanned(p_company_id bigint, p_record_id bigint, p_plan json, p_cause text)
returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages set status = 'withdrawn'
    where company_id = p_company_id and record_id = p_record_id and status = 'queued'
      and kind in ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks')
      and (expires_at is null or expires_at > clock_timestamp())
      and not exists (
        select from json_array_elements(p_plan) planned where planned ->> 'idempotency_key' = messages.idempotency_key
      )
    returning *
  loop
    perform public.message_event(v_message, 'message_withdrawn', p_cause);
  end loop;
end
$$;

-- Inserts the messages of p_plan or updates queued ones. An opted-out contact still gets cancellations. A message keeps its
-- position or moves forward unless it notifies of a different state.
create function public.booking_enqueue_plan(p_company_id bigint, p_plan json, p_cause text)
returns json language plpgsql set search_path = '' as $$
declare
  v_planned record;
  v_message public.messages;
  v_is_new boolean;
  v_queued jsonb := '[]';
begin
  for v_planned in
    select * from json_to_recordset(p_plan) as planned (kind text, idempotency_key text, phone text, text text,
      record_id bigint, not_before timestamptz, expires_at timestamptz, respects_quiet_hours boolean, notifies jsonb)
    where kind = 'cancellation' or not public.contact_is_opted_out(p_company_id, phone)
  loop
    insert into public.messages as message (company_id, kind, idempotency_key, phone, text, record_id, not_before, due_at,
      expires_at, respects_quiet_hours, notifies, cause)
    values (p_company_id, v_planned.kind, v_planned.idempotency_key, v_planned.phone, v_planned.text, v_planned.record_id,
      coalesce(v_planned.not_before, now()), coalesce(v_planned.not_before, now()), v_planned.expires_at,
      v_planned.respects_quiet_hours, v_planned.notifies, p_cause)
    on conflict (company_id, idempotency_key) where status <> 'withdrawn' do update set
      phone = excluded.phone, text = excluded.text, expires_at = excluded.expires_at, notifies = excluded.notifies,
      respects_quiet_hours = excluded.respects_quiet_hours,
      not_before = case when excluded.notifies is null or message.notifies is distinct from excluded.notifies
        then excluded.not_before else least(message.not_before, excluded.not_before) end,
      due_at = case when excluded.notifies is null or message.notifies is distinct from excluded.notifies
        then excluded.due_at else least(message.due_at, excluded.due_at) end
    where message.status = 'queued'
      and ((message.phone, message.text, message.expires_at, message.notifies, message.respects_quiet_hours)
          is distinct from (excluded.phone, excluded.text, excluded.expires_at, excluded.notifies, excluded.respects_quiet_hours)
        or excluded.due_at < message.due_at
        or excluded.notifies is null and excluded.due_at > message.due_at)
    returning message.* into v_message;
    continue when not found;
    v_is_new := v_message.created_at = now() and v_message.cause = p_cause;
    perform public.message_event(v_message, case when v_is_new then 'message_queued' else 'message_replaced' end, p_cause);
    if v_is_new then
      v_queued := v_queued || jsonb_build_object('id', v_message.id, 'kind', v_message.kind);
    end if;
  end loop;
  return v_queued::json;
end
$$;

-- Bookings to plan again: visits that are not over at p_from (local time of the salon), and those with queued messages.
create function public.bookings_upcoming(
  p_company_id bigint, p_from timestamp, p_after_record_id bigint, p_limit integer, p_phone text default null
) returns setof bigint language sql stable set search_path = '' as $$
  select record_id from (
    select record_id from public.bookings
    where company_id = p_company_id and not cancelled and record_id > p_after_record_id
      and starts_at + duration_seconds * interval '1 second' >= p_from
      and (p_phone is null or client_phone = p_phone)
    union
    select record_id from public.messages
    where company_id = p_company_id and status = 'queued' and record_id > p_after_record_id
      and kind in ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks')
      and (p_phone is null or phone = p_phone)
  ) planned
  order by record_id limit p_limit
$$;

revoke execute on function
  public.booking_apply, public.booking_withdraw_unplanned, public.booking_enqueue_plan, public.bookings_upcoming
from public, anon, authenticated;
grant execute on function
  public.booking_apply, public.booking_withdraw_unplanned, public.booking_enqueue_plan, public.bookings_upcoming
to service_role;
