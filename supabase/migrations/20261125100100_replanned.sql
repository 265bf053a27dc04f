-- What ends with an installation, what is planned anew, and how the readings of the platform's changes follow each other.

-- What was not sent by then must not go after a later installation, unless that plans it anew. A confirmation is no news then:
-- whoever booked has come to know of it elsewhere, and only reminders and changes are left to say.
create function public.company_withdraw(p_company_id bigint, p_cause text)
returns void language plpgsql set search_path = '' as $$
declare
  v_message public.messages;
begin
  for v_message in
    -- An earlier attempt may have reached the client.
    update public.messages set status = case when attempts > 0 then 'unknown' else 'withdrawn' end
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

create or replace function public.company_move_integration(p_company_id bigint, p_to text, p_cause text)
returns setof public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
  v_from text;
begin
  select * into v_company from public.companies where id = p_company_id for no key update;
  v_from := v_company.integration_status;
  if not found or not public.integration_may_become(v_from, p_to) then
    return;
  end if;
  perform public.event_record(p_company_id, 'integration_status_changed', p_cause,
    jsonb_build_object('from', v_from, 'to', p_to));
  if p_to = 'uninstalled' then
    perform public.company_withdraw(p_company_id, p_cause);
  end if;
  return query update public.companies set integration_status = p_to where id = p_company_id returning *;
end
$$;

-- Ended by an uninstallation before this, and not by its time: it would keep its message from being wanted again.
update public.messages set status = 'withdrawn'
where status = 'expired' and (expires_at is null or expires_at > clock_timestamp());

-- Of visits that are not over at a local time of the salon, and of all that still have something to say.
create or replace function public.bookings_upcoming(
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

-- Readings of the platform's changes are counted as they begin: whoever asks for one asks for the next to begin.
alter table public.companies add column readings integer not null default 0, add column reading_job text;
comment on column public.companies.readings is 'How many jobs have begun to read the platform''s changes.';
comment on column public.companies.reading_job is 'The last of them: its next attempt is not another one.';

create function public.reading_begin(p_company_id bigint, p_job text)
returns timestamptz language sql set search_path = '' as $$
  update public.companies
  set readings = readings + (reading_job is distinct from p_job)::integer, reading_job = p_job
  where id = p_company_id
  returning reconciled_until
$$;

-- It may go back: the clock it comes from is not the database's, and reading twice does no harm.
create function public.reading_finish(p_company_id bigint, p_until timestamptz)
returns void language sql set search_path = '' as $$
  update public.companies set reconciled_until = p_until where id = p_company_id
$$;

-- {"<company>": <readings>, …}
create function public.readings_begun(p_company_ids bigint[])
returns json language sql stable set search_path = '' as $$
  select coalesce(json_object_agg(id, readings), '{}') from public.companies where id = any (p_company_ids)
$$;

drop function public.company_reconciled_until;
drop function public.company_set_reconciled;

revoke execute on function
  public.company_withdraw, public.reading_begin, public.reading_finish, public.readings_begun
from public, anon, authenticated;
grant execute on function
  public.company_withdraw, public.reading_begin, public.reading_finish, public.readings_begun
to service_role;
