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

-- As before, and what was booked between two installations is nobody's news.
create or replace function public.company_restart(
  p_company_id bigint, p_owner_user_id bigint,
  p_api_key text, p_api_key_hash text, p_webhook_secret text, p_webhook_secret_hash text
) returns public.companies language plpgsql set search_path = '' as $$
declare
  v_company public.companies;
begin
  delete from public.connect_tokens where company_id = p_company_id;
  update public.company_secrets set
    api_key = decode(p_api_key, 'base64'),
    api_key_hash = p_api_key_hash,
    webhook_secret = decode(p_webhook_secret, 'base64')
  where company_id = p_company_id;
  update public.companies set
    owner_user_id = p_owner_user_id,
    integration_status = 'pending_whatsapp',
    session_state = 'idle',
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

revoke execute on function
  public.company_reconciled_until, public.company_set_reconciled, public.event_latest_type
from public, anon, authenticated;
grant execute on function
  public.company_reconciled_until, public.company_set_reconciled, public.event_latest_type
to service_role;
