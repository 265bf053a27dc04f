-- What happens to a claimed message: released, dispatched, acknowledged, refused, or left without an ack.

-- Nothing was sent: undoes the claim, including the notified state of the booking.
create function public.message_release(
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
    update public.messages set status = case when attempts > rejections then 'unknown' else 'withdrawn' end
    where id = p_message_id returning * into v_message;
    perform public.message_event(v_message, 'message_' || v_message.status, 'outbox');
  end if;
  if v_message.attempts > v_message.rejections then
    -- An earlier attempt may have reached the client.
    return;
  end if;
  if v_message.first_contact then
    update public.contacts set first_sent_at = null where company_id = p_company_id and phone = v_message.phone;
  end if;
  update public.bookings set
    notified = v_message.previous_notified, notification_count = notification_count - 1, version = version + 1
  where company_id = p_company_id and record_id = v_message.record_id and notified = v_message.notifies;
end
$$;

-- The send call has returned; the ack is still missing.
create function public.message_mark_dispatched(p_company_id bigint, p_token bigint, p_message_id uuid)
returns void language sql set search_path = '' as $$
  update public.messages set dispatched_at = clock_timestamp()
  where company_id = p_company_id and id = p_message_id and status = 'sending' and lease_token = p_token
$$;

-- Re-queues a rejected message once, unless it expires before the retry or is obsolete, or the company is uninstalled. No
-- rows when it is not re-queued.
create function public.message_requeue_rejected(p_message public.messages, p_error_code text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_retry_at timestamptz := clock_timestamp() + interval '5 minutes';
  v_message public.messages;
begin
  if p_message.status not in ('queued', 'sending', 'unknown') or p_message.attempts = 0 or p_message.rejections > 0
    or p_message.expires_at <= v_retry_at or public.message_is_obsolete(p_message)
    or exists (select from public.companies where id = p_message.company_id and integration_status = 'uninstalled') then
    return;
  end if;
  update public.messages set status = 'queued', rejections = rejections + 1, error_code = p_error_code,
    not_before = v_retry_at, dispatched_at = null
  where id = p_message.id returning * into v_message;
  perform public.message_event(v_message, 'message_refused', 'whatsapp',
    jsonb_build_object('error_code', p_error_code));
  if v_message.attempts = v_message.rejections then
    -- No attempt reached the client.
    update public.bookings set
      notified = v_message.previous_notified, notification_count = notification_count - 1, version = version + 1
    where company_id = v_message.company_id and record_id = v_message.record_id and notified = v_message.notifies;
  end if;
  return next v_message;
end
$$;

-- Applies a status reported by WhatsApp. Errors 463 and 429 re-queue the message once, halve the pace for a day and, for 463,
-- hold new chats. No rows when the status did not change.
create function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
  v_requeued public.messages;
  v_is_rejected boolean := p_to = 'failed' and coalesce(p_error_code in ('463', '429'), false);
  v_is_accepted boolean := p_to in ('sent', 'delivered', 'read');
begin
  if p_to = 'failed' or v_is_accepted and exists (
    select from public.messages message
    join public.contacts contact on contact.company_id = message.company_id and contact.phone = message.phone
    where message.company_id = p_company_id and message.whatsapp_message_id = p_whatsapp_message_id
      and contact.reached_at is null
  ) then
    -- Lock order: company first; other rows are written below.
    perform from public.companies where id = p_company_id for no key update;
  end if;
  if v_is_rejected then
    select * into v_message from public.messages
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id for no key update;
    if not found or v_message.status = 'queued' and v_message.rejections > 0 then
      -- Not in the outbox (the test message), or a duplicate of this refusal.
      return;
    end if;
    select * into v_requeued from public.message_requeue_rejected(v_message, p_error_code);
  end if;
  if v_requeued.id is null then
    update public.messages set
      status = p_to,
      error_code = case when p_to = 'failed' then p_error_code end,
      sent_at = case when v_is_accepted then coalesce(sent_at, now()) else sent_at end,
      delivered_at = case when p_to in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
      read_at = case when p_to = 'read' then now() else read_at end
    where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id
      and public.message_transition_allowed(status, p_to)
    returning * into v_message;
    if not found then
      return;
    end if;
    perform public.message_event(v_message, 'message_' || p_to, 'whatsapp',
      jsonb_strip_nulls(jsonb_build_object('error_code', v_message.error_code)));
  end if;
  if v_is_accepted then
    update public.contacts set reached_at = clock_timestamp()
    where company_id = p_company_id and phone = v_message.phone and reached_at is null;
  end if;
  if v_is_rejected then
    update public.companies set
      pace_reduced_until = greatest(pace_reduced_until, clock_timestamp() + interval '1 day'),
      next_send_at = case when p_error_code = '429'
        then greatest(next_send_at, clock_timestamp() + interval '5 minutes') else next_send_at end
    where id = p_company_id;
    if p_error_code = '463' then
      perform public.restriction_suspect(p_company_id, v_message.rejections > 0);
    end if;
    perform public.event_record(p_company_id, 'pacing_reduced', 'whatsapp:' || p_error_code,
      jsonb_build_object('message_id', v_message.id));
  end if;
  if v_requeued.id is not null then
    return next v_requeued;
  else
    return next v_message;
  end if;
end
$$;

-- Messages in `sending` without an ack become `unknown`: claimed under an older lease and not to be retried, or dispatched
-- longer than p_older_than_ms ago.
create function public.message_expire_unacknowledged(
  p_company_id bigint, p_token bigint, p_older_than_ms integer, p_max_attempts integer
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages message set status = 'unknown'
    where company_id = p_company_id and status = 'sending' and case
      when lease_token < p_token then attempts >= p_max_attempts or expires_at <= clock_timestamp()
        or public.message_is_obsolete(message)
      -- Two minutes exceed any send call: its return was not recorded.
      else lease_token = p_token
        and coalesce(dispatched_at, sending_at + interval '2 minutes')
          < clock_timestamp() - p_older_than_ms * interval '1 millisecond'
    end
    returning *
  loop
    perform public.message_event(v_message, 'message_unknown', 'no_ack');
    return next v_message;
  end loop;
end
$$;

revoke execute on function
  public.message_release, public.message_mark_dispatched, public.message_requeue_rejected, public.message_advance,
  public.message_expire_unacknowledged
from public, anon, authenticated;
grant execute on function
  public.message_release, public.message_mark_dispatched, public.message_requeue_rejected, public.message_advance,
  public.message_expire_unacknowledged
to service_role;
