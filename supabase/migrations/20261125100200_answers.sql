-- What clients answer to reminders, what a wish for no messages stops, and what becomes of a message under way.

create table public.client_answers (
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  reminder_id uuid not null references public.messages on delete cascade,
  answer text not null check (answer in ('yes', 'no')),
  differs boolean not null,
  answered_at timestamptz not null default now(),
  primary key (company_id, whatsapp_message_id)
);
comment on column public.client_answers.differs is 'Whether it says something else than the answer before to the same reminder.';
create index client_answers_of_reminder on public.client_answers (reminder_id, sequence desc);

drop function public.message_latest_reminder;
-- The reminder that the person got last, of a visit that is still to come. Who quotes a message answers what that one is about.
create function public.message_latest_reminder(p_company_id bigint, p_phone text, p_quoted_id text default null)
returns table (message_id uuid, record_id bigint) language sql stable set search_path = '' as $$
  select message.id, message.record_id
  from public.messages message
  join public.companies company on company.id = message.company_id
  join public.bookings booking on booking.company_id = message.company_id and booking.record_id = message.record_id
  where message.company_id = p_company_id and message.phone = p_phone
    and message.kind in ('reminder_24h', 'reminder_2h') and message.status in ('sending', 'unknown', 'sent', 'delivered', 'read')
    and not booking.cancelled and booking.starts_at > clock_timestamp() at time zone coalesce(company.time_zone, 'UTC')
    and (p_quoted_id is null or message.record_id = (
      select quoted.record_id from public.messages quoted
      where quoted.company_id = p_company_id and quoted.whatsapp_message_id = p_quoted_id))
  order by message.sending_at desc limit 1
$$;

-- Writes an answer down with its event; the same WhatsApp message again is the same answer, whatever it would be about by now.
-- Null when it is about no visit.
create function public.answer_take(
  p_company_id bigint, p_phone text, p_whatsapp_message_id text, p_answer text, p_quoted_id text default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_answer public.client_answers;
  v_reminder public.messages;
  v_is_new boolean;
begin
  perform from public.companies where id = p_company_id for no key update;
  select * into v_answer from public.client_answers
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id;
  v_is_new := not found;
  select * into v_reminder from public.messages
  where company_id = p_company_id and id = case when v_is_new
    then (select message_id from public.message_latest_reminder(p_company_id, p_phone, p_quoted_id))
    else v_answer.reminder_id end;
  if not found then
    return null;
  end if;
  if v_is_new then
    insert into public.client_answers (company_id, whatsapp_message_id, reminder_id, answer, differs)
    values (p_company_id, p_whatsapp_message_id, v_reminder.id, p_answer, p_answer is distinct from (
      select answer from public.client_answers where reminder_id = v_reminder.id order by sequence desc limit 1))
    returning * into v_answer;
    perform public.event_record(p_company_id,
      case p_answer when 'yes' then 'visit_confirmed_by_client' else 'cancellation_asked_by_client' end,
      'answer:' || p_whatsapp_message_id,
      jsonb_build_object('record_id', v_reminder.record_id, 'message_id', v_reminder.id));
  end if;
  return json_build_object('reminder_id', v_reminder.id, 'record_id', v_reminder.record_id,
    'is_new', v_is_new, 'differs', v_answer.differs);
end
$$;

-- Nothing when the person wants no messages; the message that exists when the key is known.
create or replace function public.message_enqueue(p_company_id bigint, p_message json, p_cause text)
returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  -- The lock of the company makes a wish for no messages come either before or after.
  perform from public.companies where id = p_company_id for no key update;
  select * into v_message from public.messages
  where company_id = p_company_id and idempotency_key = p_message ->> 'idempotency_key' and status <> 'withdrawn';
  if not found then
    if public.contact_is_opted_out(p_company_id, p_message ->> 'phone') then
      return;
    end if;
    insert into public.messages
      (company_id, kind, idempotency_key, phone, text, record_id, not_before, due_at, expires_at, heeds_quiet_hours, cause)
    select p_company_id, kind, idempotency_key, phone, text, record_id, coalesce(not_before, now()),
      coalesce(not_before, now()), expires_at, coalesce(heeds_quiet_hours, true), p_cause
    from json_to_record(p_message) as wanted (kind text, idempotency_key text, phone text, text text, record_id bigint,
      not_before timestamptz, expires_at timestamptz, heeds_quiet_hours boolean)
    returning * into v_message;
    perform public.message_event(v_message, 'message_queued', p_cause);
  end if;
  return next v_message;
end
$$;

-- Whether it should not be said any more: its person wants no messages, or its visit was moved or cancelled meanwhile.
create or replace function public.message_is_obsolete(p_message public.messages)
returns boolean language sql stable set search_path = '' as $$
  select p_message.kind <> 'cancellation' and public.contact_is_opted_out(p_message.company_id, p_message.phone)
    or p_message.kind in ('reminder_24h', 'reminder_2h', 'thanks') and exists (
      select from public.bookings booking
      where booking.company_id = p_message.company_id and booking.record_id = p_message.record_id
        and (booking.cancelled or p_message.idempotency_key <> format('record:%s:%s:%s', booking.record_id,
          p_message.kind, to_char(booking.starts_at, 'YYYY-MM-DD HH24:MI:SS')))
    )
$$;

drop function public.message_advance;
-- The message that moved; nothing when none did.
create function public.message_advance(
  p_company_id bigint, p_whatsapp_message_id text, p_to text, p_error_code text default null
) returns setof public.messages language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  if p_to = 'failed' then
    -- In the order of the claims: its row is written below.
    perform from public.companies where id = p_company_id for no key update;
  end if;
  update public.messages set
    status = p_to,
    error_code = case when p_to = 'failed' then p_error_code end,
    sent_at = case when p_to in ('sent', 'delivered', 'read') then coalesce(sent_at, now()) else sent_at end,
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
  if p_to = 'failed' and p_error_code in ('463', '429') then
    update public.companies set
      paced_down_until = greatest(paced_down_until, clock_timestamp() + interval '1 day'),
      first_contacts_held_until = case when p_error_code = '463'
        then greatest(first_contacts_held_until, clock_timestamp() + interval '1 day') else first_contacts_held_until end
    where id = p_company_id;
    perform public.event_record(p_company_id, 'pacing_reduced', 'whatsapp:' || p_error_code,
      jsonb_build_object('message_id', v_message.id));
  end if;
  return next v_message;
end
$$;

-- What WhatsApp was given by an installation or a phone that is no more. Nobody can tell whether it arrived, and from another
-- number the same id would be another message: it must not be taken up again.
create function public.messages_give_up_sending() returns trigger language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    update public.messages set status = 'unknown' where company_id = new.id and status = 'sending' returning *
  loop
    perform public.message_event(v_message, 'message_unknown',
      case when new.integration_status = 'uninstalled' then 'uninstalled' else 'other_phone' end);
  end loop;
  return null;
end
$$;
create trigger companies_give_up_sending after update of integration_status, whatsapp_phone on public.companies
for each row when (
  new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled'
  or new.whatsapp_phone <> old.whatsapp_phone
) execute function public.messages_give_up_sending();

alter table public.client_answers enable row level security;
revoke all on public.client_answers from public, anon, authenticated;
grant select, insert, update, delete on public.client_answers to service_role;

revoke execute on function
  public.message_latest_reminder, public.answer_take, public.message_advance, public.messages_give_up_sending
from public, anon, authenticated;
grant execute on function
  public.message_latest_reminder, public.answer_take, public.message_advance, public.messages_give_up_sending
to service_role;
