-- Clients' answers to reminders.

create table public.client_replies (
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  reminder_id uuid not null references public.messages on delete cascade,
  answer text not null check (answer in ('yes', 'no')),
  -- Whether it differs from the previous answer to the same reminder.
  is_changed boolean not null,
  replied_at timestamptz not null default now(),
  primary key (company_id, whatsapp_message_id)
);
create index client_replies_reminder_id_idx on public.client_replies (reminder_id, sequence desc);

-- The newest reminder sent for a visit that has not begun. A quoted message selects its booking.
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

-- Records an answer and its event; idempotent by p_whatsapp_message_id. Null when there is no reminder to answer.
create function public.client_reply_record(
  p_company_id bigint, p_phone text, p_whatsapp_message_id text, p_answer text, p_quoted_id text default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_answer public.client_replies;
  v_reminder public.messages;
  v_is_new boolean;
begin
  perform from public.companies where id = p_company_id for no key update;
  select * into v_answer from public.client_replies
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
    insert into public.client_replies (company_id, whatsapp_message_id, reminder_id, answer, is_changed)
    values (p_company_id, p_whatsapp_message_id, v_reminder.id, p_answer, p_answer is distinct from (
      select answer from public.client_replies where reminder_id = v_reminder.id order by sequence desc limit 1))
    returning * into v_answer;
    perform public.event_record(p_company_id,
      case p_answer when 'yes' then 'visit_confirmed_by_client' else 'cancellation_asked_by_client' end,
      'answer:' || p_whatsapp_message_id,
      jsonb_build_object('record_id', v_reminder.record_id, 'message_id', v_reminder.id));
  end if;
  return json_build_object('reminder_id', v_reminder.id, 'record_id', v_reminder.record_id,
    'is_new', v_is_new, 'is_changed', v_answer.is_changed);
end
$$;

alter table public.client_replies enable row level security;
revoke all on public.client_replies from public, anon, authenticated;
grant select, insert, update, delete on public.client_replies to service_role;

revoke execute on function
  public.message_latest_reminder, public.client_reply_record
from public, anon, authenticated;
grant execute on function
  public.message_latest_reminder, public.client_reply_record
to service_role;
