-- Own statements on the tables of pg-boss. pg-boss creates its schema after the migrations; plpgsql resolves the names at the
-- first call. A test compares these rows with those of pg-boss' own insert.
--
-- pg-boss' claim evaluates the head of every key at each fetch (0.2 s with 50,000 waiting keys). jobs_claim walks the oldest jobs
-- along an index and stops at its limit.
--
-- `retry_count` counts claims and identifies the current one. `output` of an unfinished job counts failures (the job's own) and
-- interruptions (the process ended during the job).

-- p_jobs: [{id?, key, data}]. Existing ids are skipped.
create function public.jobs_insert(p_queue text, p_jobs json)
returns void language plpgsql set search_path = '' as $$
begin
  insert into pgboss.job (
    id, name, data, singleton_key, priority, start_after, created_on, keep_until, expire_seconds, deletion_seconds,
    retry_limit, retry_delay, retry_backoff, retry_delay_max, policy, dead_letter, heartbeat_seconds
  )
  select
    coalesce(j.id, gen_random_uuid()), p_queue, j.data, j.key, 0, pgboss.job_now(), pgboss.job_now(),
    pgboss.job_now() + q.retention_seconds * interval '1 second', q.expire_seconds, q.deletion_seconds,
    q.retry_limit, q.retry_delay, q.retry_backoff, q.retry_delay_max, q.policy, q.dead_letter, q.heartbeat_seconds
  from json_to_recordset(p_jobs) as j (id uuid, key text, data jsonb)
  join pgboss.queue q on q.name = p_queue
  on conflict do nothing;
end
$$;

-- The SET clauses leave the planner only index walks: any other plan reads the whole backlog, whatever the statistics say.
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

-- Reschedules a claimed job and extends its retention, because pg-boss deletes jobs past keep_until silently. Jobs of the same
-- key wait behind it, so their retention follows, at most once a day to limit writes.
create function public.job_reschedule(
  p_queue text, p_id uuid, p_claim integer, p_delay_ms integer, p_output jsonb
)
returns void language plpgsql set search_path = '' as $$
declare
  v_key text;
  v_keep_until timestamptz;
begin
  update pgboss.job j set
    state = 'retry', heartbeat_on = null, output = p_output,
    start_after = pgboss.job_now() + p_delay_ms * interval '1 millisecond',
    keep_until = greatest(j.keep_until,
      pgboss.job_now() + p_delay_ms * interval '1 millisecond' + q.retention_seconds * interval '1 second')
  from pgboss.queue q
  where q.name = p_queue and j.name = p_queue and j.id = p_id and j.retry_count = p_claim and j.state = 'active'
  returning j.singleton_key, j.keep_until into v_key, v_keep_until;

  update pgboss.job behind set keep_until = v_keep_until
  where behind.name = p_queue and behind.singleton_key = v_key and behind.state < 'active' and not behind.blocked
    and behind.policy = 'key_strict_fifo' and behind.keep_until < v_keep_until - interval '1 day';
end
$$;

-- Takes jobs from processes without a heartbeat for p_heartbeat_timeout_seconds; null takes all active jobs.
create function public.jobs_reclaim(p_queues text[], p_heartbeat_timeout_seconds integer)
returns integer language plpgsql set search_path = '' as $$
declare
  v_jobs integer;
begin
  update pgboss.job set
    state = 'retry', heartbeat_on = null, start_after = pgboss.job_now(),
    output = coalesce(output, '{}') || jsonb_build_object(
      'interruptions', coalesce((output ->> 'interruptions')::integer, 0) + 1)
  where name = any (p_queues) and policy = 'key_strict_fifo' and state = 'active'
    and (p_heartbeat_timeout_seconds is null
      or heartbeat_on <= pgboss.job_now() - p_heartbeat_timeout_seconds * interval '1 second');
  get diagnostics v_jobs = row_count;
  return v_jobs;
end
$$;

-- Runs waiting retries of a key now.
create function public.jobs_run_now(p_queue text, p_key text)
returns void language plpgsql set search_path = '' as $$
begin
  update pgboss.job set start_after = pgboss.job_now()
  where name = p_queue and singleton_key = p_key and policy = 'key_strict_fifo' and state = 'retry';
end
$$;

-- lz4 instead of pglz, which doubles the cost of a webhook insert.
create function public.jobs_compress_with_lz4()
returns void language plpgsql set search_path = '' set lock_timeout = '1s' as $$
begin
  if exists (
    select from pg_catalog.pg_attribute
    where attrelid = 'pgboss.job_common'::regclass and attname = 'data' and attcompression <> 'l'
  ) then
    alter table pgboss.job_common alter column data set compression lz4;
  end if;
exception when feature_not_supported or lock_not_available or insufficient_privilege then
  -- Built without lz4, or busy: the next start tries again.
  null;
end
$$;

revoke execute on function
  public.jobs_insert, public.jobs_claim, public.job_reschedule, public.jobs_reclaim, public.jobs_run_now,
  public.jobs_compress_with_lz4
from public, anon, authenticated;
grant execute on function
  public.jobs_insert, public.jobs_claim, public.job_reschedule, public.jobs_reclaim, public.jobs_run_now,
  public.jobs_compress_with_lz4
to service_role;
