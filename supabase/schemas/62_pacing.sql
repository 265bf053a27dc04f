-- Send rate of a number, counted from its recent attempts by the clock of the database.

-- Attempts of the last day; older rows are deleted by the next claim.
create table public.message_attempts (
  id bigint generated always as identity primary key,
  company_id bigint not null references public.companies on delete cascade,
  message_id uuid not null references public.messages on delete cascade,
  first_contact boolean not null,
  at timestamptz not null
);
create index message_attempts_company_id_at_idx on public.message_attempts (company_id, at desc);
create index message_attempts_first_contact_idx on public.message_attempts (company_id, at desc) where first_contact;
create index message_attempts_message_id_idx on public.message_attempts (message_id);

-- Sliding window: when the p_limit-th newest attempt leaves it; null while there are fewer attempts.
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

-- When the next message and the next first contact may be sent. Without limits only next_send_at applies.
create function public.pace_next(
  p_company public.companies, p_limits json, p_now timestamptz, out send_at timestamptz, out first_contact_at timestamptz
) language plpgsql stable set search_path = '' as $$
declare
  v_share numeric := case when p_company.pace_reduced_until > p_now then 0.5 else 1 end;
  v_is_warm boolean := coalesce(p_company.warm_up_started_at, p_company.connected_at)
    < p_now - (p_limits ->> 'warmUpDays')::numeric * interval '1 day';
begin
  send_at := p_company.next_send_at;
  if p_limits is null then
    return;
  end if;
  send_at := greatest(send_at,
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perMinute')::numeric, interval '1 minute'),
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perHour')::numeric, interval '1 hour'),
    public.pace_window_free_at(p_company.id, v_share * (p_limits ->> 'perDay')::numeric, interval '1 day'));
  first_contact_at := public.pace_first_contact_at(p_company.id, v_share * (p_limits ->>
    case when v_is_warm then 'firstContactsPerDay' else 'warmUpFirstContactsPerDay' end)::numeric);
end
$$;

-- The gap after a message sent at p_now. After a reconnection the rate ramps up from 10 % to 100 % within p_ramp_ms.
create function public.pace_gap(p_company public.companies, p_gap_ms integer, p_ramp_ms integer, p_now timestamptz)
returns interval language plpgsql immutable set search_path = '' as $$
declare
  v_share numeric := case when p_company.pace_reduced_until > p_now then 0.5 else 1 end;
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

-- Starts the warm-up of a newly linked number: contacts of the previous one are first contacts again. Relinking the same
-- number, also after a reinstallation, continues its pacing.
create function public.pacing_start_warm_up() returns trigger language plpgsql set search_path = '' as $$
begin
  update public.contacts set first_sent_at = null where company_id = new.id and first_sent_at is not null;
  new.warm_up_phone := new.whatsapp_phone;
  new.warm_up_started_at := clock_timestamp();
  return new;
end
$$;

create trigger companies_start_warm_up before update of whatsapp_phone on public.companies
for each row when (new.whatsapp_phone is not null and new.whatsapp_phone is distinct from new.warm_up_phone)
execute function public.pacing_start_warm_up();

alter table public.message_attempts enable row level security;
revoke all on public.message_attempts from public, anon, authenticated;
grant select, insert, update, delete on public.message_attempts to service_role;

revoke execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.pace_next, public.pace_gap,
  public.pacing_start_warm_up
from public, anon, authenticated;
grant execute on function
  public.pace_window_free_at, public.pace_first_contact_at, public.pace_next, public.pace_gap,
  public.pacing_start_warm_up
to service_role;
