-- As before, and what waits behind the job is kept as long: the queue erased it after its own time, while the job before it was
-- still being tried. Moved once a day, so that a long row of them is not written at each attempt.
create or replace function public.job_put_back(
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
