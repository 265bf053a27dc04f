-- How far the platform's changes have been read.

create function public.company_reconciled_until(p_company_id bigint)
returns timestamptz language sql stable set search_path = '' as $$
  select reconciled_until from public.companies where id = p_company_id
$$;

create function public.company_set_reconciled(p_company_id bigint, p_until timestamptz)
returns void language sql set search_path = '' as $$
  update public.companies set reconciled_until = p_until
  where id = p_company_id and (reconciled_until is null or reconciled_until < p_until)
$$;

-- The latest event of a kind, by which a change of state is told once.
create function public.event_latest_type(p_company_id bigint, p_types text[])
returns setof text language sql stable set search_path = '' as $$
  select type from public.marketplace_events
  where company_id = p_company_id and type = any (p_types) order by id desc limit 1
$$;

revoke execute on function
  public.company_reconciled_until, public.company_set_reconciled, public.event_latest_type
from public, anon, authenticated;
grant execute on function
  public.company_reconciled_until, public.company_set_reconciled, public.event_latest_type
to service_role;
