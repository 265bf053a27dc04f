-- What was known of a platform record when we acted on it last.

create table public.bookings (
  company_id bigint not null references public.companies on delete cascade,
  record_id bigint not null,
  version integer not null,
  starts_at timestamp not null,
  staff_id bigint,
  staff_name text,
  services jsonb not null,
  client_phone text,
  client_name text,
  cancelled boolean not null,
  announced boolean not null,
  changed_at timestamptz,
  updated_at timestamptz not null default now(),
  primary key (company_id, record_id)
);
comment on column public.bookings.starts_at is 'Local time of the salon.';
comment on column public.bookings.announced is 'Whether the client has been written to about this booking.';
comment on column public.bookings.changed_at is 'The platform''s last_change_date.';

create function public.booking_find(p_company_id bigint, p_record_id bigint)
returns setof public.bookings language sql stable set search_path = '' as $$
  select * from public.bookings where company_id = p_company_id and record_id = p_record_id
$$;

-- False, and nothing written, when the stored version is not the expected one (0: not stored yet).
create function public.booking_apply(
  p_company_id bigint, p_expected_version integer, p_booking json, p_event json, p_message json default null
) returns boolean language plpgsql set search_path = '' as $$
declare
  v_booking public.bookings := json_populate_record(null::public.bookings, p_booking);
begin
  if p_expected_version = 0 then
    insert into public.bookings (company_id, record_id, version, starts_at, staff_id, staff_name, services,
      client_phone, client_name, cancelled, announced, changed_at)
    values (p_company_id, v_booking.record_id, 1, v_booking.starts_at, v_booking.staff_id, v_booking.staff_name,
      v_booking.services, v_booking.client_phone, v_booking.client_name, v_booking.cancelled, v_booking.announced,
      v_booking.changed_at)
    on conflict (company_id, record_id) do nothing;
  else
    update public.bookings set
      version = version + 1,
      starts_at = v_booking.starts_at, staff_id = v_booking.staff_id, staff_name = v_booking.staff_name,
      services = v_booking.services, client_phone = v_booking.client_phone, client_name = v_booking.client_name,
      cancelled = v_booking.cancelled, announced = v_booking.announced, changed_at = v_booking.changed_at, updated_at = now()
    where company_id = p_company_id and record_id = v_booking.record_id and version = p_expected_version;
  end if;
  if not found then
    return false;
  end if;
  if p_message is not null then
    perform public.message_enqueue(p_company_id, p_message);
  end if;
  perform public.event_record(p_company_id, p_event ->> 'type', p_event ->> 'cause', (p_event -> 'detail')::jsonb);
  return true;
end
$$;

alter table public.bookings enable row level security;
revoke all on public.bookings from public, anon, authenticated;
grant select, insert, update, delete on public.bookings to service_role;

revoke execute on function public.booking_find, public.booking_apply from public, anon, authenticated;
grant execute on function public.booking_find, public.booking_apply to service_role;
