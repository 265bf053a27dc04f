-- As before, and only while the number is linked: of one that is logged out nothing can be said. The row stays for its return.
create or replace function public.restrictions_lasting(p_company_id bigint, p_limit integer)
returns setof public.whatsapp_restrictions language sql stable set search_path = '' as $$
  select restriction.* from public.whatsapp_restrictions restriction
  join public.companies company on company.id = restriction.company_id
  where (p_company_id is null or restriction.company_id = p_company_id)
    and company.connected_at is not null and restriction.source <> 'refusal' and restriction.ends_at > clock_timestamp()
  order by restriction.began_at desc limit p_limit
$$;

create or replace function public.restrictions_count()
returns bigint language sql stable set search_path = '' as $$
  select count(*) from public.restrictions_lasting(null, null)
$$;
