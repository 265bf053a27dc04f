-- As before, and whatever the former owner left of what clients write, or said where it is to go, is not the new owner's.
create or replace function public.company_restart(
  p_company_id bigint, p_owner_user_id bigint,
  p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
begin
  delete from public.connect_tokens where company_id = p_company_id;
  delete from public.received_messages where company_id = p_company_id;
  delete from public.outgoing_webhooks where company_id = p_company_id;
  update public.company_secrets set
    api_key = decode(p_api_key, 'base64'),
    api_key_hash = p_api_key_hash,
    webhook_secret = decode(p_webhook_secret, 'base64')
  where company_id = p_company_id;
  update public.companies set
    owner_user_id = p_owner_user_id,
    integration_status = 'pending_whatsapp',
    session_state = 'idle',
    session_cause = null,
    session_state_since = now(),
    whatsapp_phone = null,
    connected_at = null,
    reconciled_until = null,
    webhook_secret_hash = p_webhook_secret_hash
  where id = p_company_id
  returning * into v_company;
  perform public.event_record(p_company_id, 'integration_status_changed', 'registration',
    jsonb_build_object('from', 'uninstalled', 'to', 'pending_whatsapp'));
  return v_company;
end
$$;

-- As before, and how long each job has been there: some are not worth trying for ever.
drop function public.jobs_claim(text, integer);
create function public.jobs_claim(p_queue text, p_limit integer)
returns table (id uuid, key text, data jsonb, claim integer, failures integer, interruptions integer,
  age_seconds integer)
language plpgsql set search_path = ''
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
set enable_sort = off set plan_cache_mode = force_custom_plan
as $$
begin
  return query
  with busy as materialized (
    select held.singleton_key from pgboss.job held
    where held.name = p_queue and held.state = 'active' and held.policy = 'key_strict_fifo'
    union all
    select held.singleton_key from pgboss.job held
    where held.name = p_queue and held.state = 'failed' and held.policy = 'key_strict_fifo'
  ),
  heads as (
    select j.id from pgboss.job j
    where j.name = p_queue and j.state < 'active' and not j.blocked and j.start_after <= pgboss.job_now()
      and j.id = (
        select first.id from pgboss.job first
        where first.name = p_queue and first.singleton_key = j.singleton_key and first.state < 'active'
          and not first.blocked and first.policy = 'key_strict_fifo'
        order by first.state desc, first.created_on, first.id
        limit 1
      )
      and j.singleton_key not in (select busy.singleton_key from busy)
    order by j.priority desc, j.created_on
    limit p_limit
    for update of j skip locked
  )
  update pgboss.job j set
    state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(), retry_count = j.retry_count + 1
  from heads
  where j.name = p_queue and j.id = heads.id
  returning j.id, j.singleton_key, j.data, j.retry_count,
    coalesce((j.output ->> 'failures')::integer, 0), coalesce((j.output ->> 'interruptions')::integer, 0),
    extract(epoch from pgboss.job_now() - j.created_on)::integer;
end
$$;

-- As before, and a job that is to be tried again is kept from then on as long as a new one. The queue erases what waits past its
-- time without a trace.
create or replace function public.job_put_back(
  p_queue text, p_id uuid, p_claim integer, p_delay_ms integer, p_output jsonb
)
returns void language plpgsql set search_path = '' as $$
begin
  update pgboss.job j set
    state = 'retry', heartbeat_on = null, output = p_output,
    start_after = pgboss.job_now() + p_delay_ms * interval '1 millisecond',
    keep_until = greatest(j.keep_until,
      pgboss.job_now() + p_delay_ms * interval '1 millisecond' + q.retention_seconds * interval '1 second')
  from pgboss.queue q
  where q.name = p_queue and j.name = p_queue and j.id = p_id and j.retry_count = p_claim and j.state = 'active';
end
$$;

revoke execute on function public.jobs_claim from public, anon, authenticated;
grant execute on function public.jobs_claim to service_role;
