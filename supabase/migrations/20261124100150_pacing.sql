-- How fast a number may send: counted from what it has sent, by the clock of the database.

create table public.message_attempts (
  id bigint generated always as identity primary key,
  company_id bigint not null references public.companies on delete cascade,
  message_id uuid not null references public.messages on delete cascade,
  first_contact boolean not null,
  at timestamptz not null
);
comment on table public.message_attempts is 'What was handed to WhatsApp in the last day: the limits of the pace count these.';
create index message_attempts_pace on public.message_attempts (company_id, at desc);
create index message_attempts_first on public.message_attempts (company_id, at desc) where first_contact;
create index message_attempts_of_message on public.message_attempts (message_id);

-- When the n-th latest message leaves the window; null while fewer were sent.
create function public.pace_window_free_at(p_company_id bigint, p_limit numeric, p_window interval)
returns timestamptz language sql stable set search_path = '' as $$
  select at + p_window from public.message_attempts where company_id = p_company_id
  order by at desc offset greatest(floor(p_limit), 1)::integer - 1 limit 1
$$;

create function public.pace_first_contact_at(p_company_id bigint, p_limit numeric)
returns timestamptz language sql stable set search_path = '' as $$
  select at + interval '1 day' from public.message_attempts where company_id = p_company_id and first_contact
  order by at desc offset greatest(floor(p_limit), 1)::integer - 1 limit 1
$$;

-- Somebody whom the company has written to, or who has written to it.
create function public.contact_is_known(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts
    where company_id = p_company_id and phone = p_phone and coalesce(first_sent_at, last_received_at) is not null
  )
$$;

create function public.contact_is_opted_out(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts where company_id = p_company_id and phone = p_phone and opted_out_at is not null
  )
$$;

-- The gap after a message that goes now. After a reconnection the rate grows from a tenth to the whole.
create function public.pace_gap(p_company public.companies, p_gap_ms integer, p_ramp_ms integer, p_now timestamptz)
returns interval language plpgsql immutable set search_path = '' as $$
declare
  v_share numeric := case when p_company.paced_down_until > p_now then 0.5 else 1 end;
  v_gap_ms numeric := p_gap_ms / v_share;
  v_open_ms numeric := case when p_company.session_state = 'connected'
    then greatest(extract(epoch from p_now - p_company.session_state_since) * 1000, 0) else 0 end;
begin
  if p_ramp_ms > 0 and v_open_ms < p_ramp_ms then
    v_gap_ms := least(v_gap_ms / (0.1 + 0.9 * v_open_ms / p_ramp_ms), v_gap_ms + p_ramp_ms - v_open_ms);
  end if;
  return v_gap_ms * interval '1 millisecond';
end
$$;

-- A client's messages keep their order: whether one that should have gone before is still to go.
create function public.message_is_behind(p_message public.messages, p_now timestamptz, p_quiet boolean)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.messages earlier
    where earlier.company_id = p_message.company_id and earlier.phone = p_message.phone
      and (earlier.due_at, earlier.sequence) < (p_message.due_at, p_message.sequence)
      -- What waits for the morning does not hold up an answer that may go at night.
      and not (p_quiet and earlier.heeds_quiet_hours and not p_message.heeds_quiet_hours)
      and case earlier.status
        when 'queued' then earlier.expires_at is null or earlier.expires_at > p_now
        when 'sending' then earlier.handed_over_at is null
      end
  )
$$;

alter table public.message_attempts enable row level security;
revoke all on public.message_attempts from public, anon, authenticated;
grant select, insert, update, delete on public.message_attempts to service_role;

revoke execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.contact_is_known,
  public.contact_is_opted_out, public.pace_gap, public.message_is_behind
from public, anon, authenticated;
grant execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.contact_is_known,
  public.contact_is_opted_out, public.pace_gap, public.message_is_behind
to service_role;
