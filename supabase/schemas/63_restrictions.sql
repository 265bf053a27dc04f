-- Numbers that WhatsApp bars from starting new chats. Until ends_at, messages to contacts without a chat are held.

create table public.whatsapp_restrictions (
  company_id bigint primary key references public.companies on delete cascade,
  began_at timestamptz not null,
  ends_at timestamptz not null,
  -- As WhatsApp names it.
  kind text,
  -- refusal: a message was refused, or a lock was announced without an end; WhatsApp has not been queried yet.
  -- no_answer: WhatsApp did not answer the query.
  -- repeated: a message was refused twice although WhatsApp reports no lock.
  -- asked, announced: reported by WhatsApp, on request or unasked.
  source text not null check (source in ('refusal', 'no_answer', 'repeated', 'asked', 'announced')),
  -- Last query to WhatsApp.
  queried_at timestamptz
);

create function public.restriction_event(p_company_id bigint, p_type text, p_cause text, p_restriction public.whatsapp_restrictions)
returns void language sql set search_path = '' as $$
  select public.event_record(p_company_id, p_type, 'whatsapp:' || p_cause, jsonb_strip_nulls(jsonb_build_object(
    'kind', p_restriction.kind, 'ends_at', to_char(p_restriction.ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))))
$$;

-- Holds new chats for at most a day until WhatsApp has answered; after the second refusal of one message for the full day.
-- The caller holds the lock on the company's row.
create function public.restriction_suspect(p_company_id bigint, p_repeated boolean)
returns void language plpgsql set search_path = '' as $$
declare
  v_now timestamptz := clock_timestamp();
  v_before public.whatsapp_restrictions;
  v_after public.whatsapp_restrictions;
begin
  select * into v_before from public.whatsapp_restrictions where company_id = p_company_id and ends_at > v_now;
  if v_before.source in ('asked', 'announced') then
    return;
  end if;
  insert into public.whatsapp_restrictions (company_id, began_at, ends_at, source, queried_at)
  values (p_company_id, coalesce(v_before.began_at, v_now), v_now + interval '1 day',
    case when p_repeated then 'repeated' else coalesce(v_before.source, 'refusal') end, v_before.queried_at)
  on conflict (company_id) do update set began_at = excluded.began_at, ends_at = excluded.ends_at, kind = null,
    source = excluded.source, queried_at = excluded.queried_at
  returning * into v_after;
  if p_repeated and coalesce(v_before.source, 'refusal') = 'refusal' then
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', 'repeated', v_after);
  end if;
end
$$;

-- Records what WhatsApp reports about the number: p_answer is `locked`, `free`, or `silent` (no answer to a query); p_source
-- is `asked` or `announced`. Returns {"change": "began" | "ended" | null, "ends_at"}.
create function public.restriction_record(
  p_company_id bigint, p_answer text, p_source text, p_ends_at timestamptz default null, p_kind text default null
) returns json language plpgsql set search_path = '' as $$
declare
  v_now timestamptz;
  v_before public.whatsapp_restrictions;
  v_after public.whatsapp_restrictions;
  v_was_notified boolean;
  v_ends_at timestamptz;
begin
  perform from public.companies where id = p_company_id for no key update;
  v_now := clock_timestamp();
  select * into v_before from public.whatsapp_restrictions where company_id = p_company_id;
  v_was_notified := coalesce(v_before.source <> 'refusal', false);
  -- Ten seconds after the reported end, at most 30 days.
  v_ends_at := least(coalesce(p_ends_at + interval '10 seconds', v_now + interval '1 day'), v_now + interval '30 days');

  if p_answer = 'locked' and (v_ends_at <= v_now or p_source = 'announced' and p_ends_at <= v_now + interval '2 minutes') then
    -- Not a usable end: it is past, or it is the minute from now that Baileys fills in where WhatsApp announced none. Known
    -- restrictions stay, new chats are held, and WhatsApp is queried.
    update public.whatsapp_restrictions set ends_at = greatest(ends_at, v_now + interval '2 minutes')
    where company_id = p_company_id and source in ('asked', 'announced');
    if not found then
      perform public.restriction_suspect(p_company_id, false);
    end if;
    return json_build_object('change', null);
  end if;
  if p_answer = 'locked' then
    insert into public.whatsapp_restrictions (company_id, began_at, ends_at, kind, source, queried_at)
    values (p_company_id, coalesce(v_before.began_at, v_now), v_ends_at, p_kind, p_source, v_now)
    on conflict (company_id) do update set ends_at = excluded.ends_at, kind = excluded.kind, source = excluded.source,
      queried_at = excluded.queried_at
    returning * into v_after;
    if v_was_notified and v_before.ends_at = v_after.ends_at or v_was_notified and p_ends_at is null then
      return json_build_object('change', null, 'ends_at', v_after.ends_at);
    end if;
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', p_source, v_after);
    return json_build_object('change', 'began', 'ends_at', v_after.ends_at);
  end if;
  if v_before.company_id is null then
    return json_build_object('change', null);
  end if;
  if v_before.ends_at > v_now and (p_answer = 'silent' or v_before.source = 'repeated' and p_source = 'asked') then
    update public.whatsapp_restrictions set queried_at = v_now,
      source = case source when 'refusal' then 'no_answer' else source end
    where company_id = p_company_id returning * into v_after;
    if v_was_notified then
      return json_build_object('change', null, 'ends_at', v_after.ends_at);
    end if;
    perform public.restriction_event(p_company_id, 'whatsapp_restricted', 'no_answer', v_after);
    return json_build_object('change', 'began', 'ends_at', v_after.ends_at);
  end if;
  delete from public.whatsapp_restrictions where company_id = p_company_id;
  if v_was_notified then
    perform public.restriction_event(p_company_id, 'whatsapp_restriction_ended', p_source, null);
  end if;
  return json_build_object('change', 'ended');
end
$$;

-- Companies to query WhatsApp for: after a refusal, at the end of a restriction, and again while there is no answer.
create function public.restrictions_due(p_retry_after_ms integer)
returns setof bigint language sql stable set search_path = '' as $$
  select restriction.company_id from public.whatsapp_restrictions restriction
  where restriction.source = 'refusal' or restriction.ends_at <= clock_timestamp() + interval '10 seconds'
    or restriction.source = 'no_answer'
      and restriction.queried_at <= clock_timestamp() - p_retry_after_ms * interval '1 millisecond'
$$;

-- Newest first, of one company or of all (p_company_id null), linked numbers only. An unconfirmed refusal is not included.
create function public.restrictions_current(p_company_id bigint, p_limit integer)
returns setof public.whatsapp_restrictions language sql stable set search_path = '' as $$
  select restriction.* from public.whatsapp_restrictions restriction
  join public.companies company on company.id = restriction.company_id
  where (p_company_id is null or restriction.company_id = p_company_id)
    and company.connected_at is not null and restriction.source <> 'refusal' and restriction.ends_at > clock_timestamp()
  order by restriction.began_at desc limit p_limit
$$;

create function public.restrictions_count()
returns bigint language sql stable set search_path = '' as $$
  select count(*) from public.restrictions_current(null, null)
$$;

-- Restriction and chats belong to the number; both end with an uninstallation or another number.
create function public.restriction_and_chats_reset() returns trigger language plpgsql set search_path = '' as $$
begin
  delete from public.whatsapp_restrictions where company_id = new.id;
  update public.contacts set reached_at = null, last_received_at = null
  where company_id = new.id and coalesce(reached_at, last_received_at) is not null;
  return null;
end
$$;

create trigger companies_reset_restriction_and_chats after update of integration_status, whatsapp_phone on public.companies
for each row when (
  new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled'
  or new.whatsapp_phone <> old.whatsapp_phone
) execute function public.restriction_and_chats_reset();

alter table public.whatsapp_restrictions enable row level security;
revoke all on public.whatsapp_restrictions from public, anon, authenticated;
grant select, insert, update, delete on public.whatsapp_restrictions to service_role;

revoke execute on function
  public.restriction_event, public.restriction_suspect, public.restriction_record, public.restrictions_due,
  public.restrictions_current, public.restrictions_count, public.restriction_and_chats_reset
from public, anon, authenticated;
grant execute on function
  public.restriction_event, public.restriction_suspect, public.restriction_record, public.restrictions_due,
  public.restrictions_current, public.restrictions_count, public.restriction_and_chats_reset
to service_role;
