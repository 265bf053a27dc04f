-- Writes as much as a login may and deletes it again, in one transaction that leaves nothing: a store that is full says so here,
-- and not once WhatsApp has seen the login. The value is random, since a compressed one would need no room.
create function public.credentials_probe(p_company_id bigint, p_token bigint, p_bytes integer)
returns void language plpgsql set search_path = '' as $$
begin
  perform public.credentials_fence(p_company_id, p_token);
  insert into public.whatsapp_credentials (company_id, type, id, value)
  select p_company_id, 'probe', 'probe', string_agg(decode(md5(random()::text), 'hex'), '')
  from generate_series(1, p_bytes / 16);
  delete from public.whatsapp_credentials where company_id = p_company_id and type = 'probe' and id = 'probe';
end
$$;

revoke execute on function public.credentials_probe from public, anon, authenticated;
grant execute on function public.credentials_probe to service_role;
