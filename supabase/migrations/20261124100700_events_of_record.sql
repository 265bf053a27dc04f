-- One booking from its webhook to the read receipt.

create function public.events_of_record(p_company_id bigint, p_record_id bigint, p_limit integer)
returns setof public.marketplace_events language sql stable set search_path = '' as $$
  select * from (
    select * from public.marketplace_events
    where company_id = p_company_id and detail ? 'record_id' and detail ->> 'record_id' = p_record_id::text
    order by id desc limit p_limit
  ) latest
  order by id
$$;

revoke execute on function public.events_of_record from public, anon, authenticated;
grant execute on function public.events_of_record to service_role;
