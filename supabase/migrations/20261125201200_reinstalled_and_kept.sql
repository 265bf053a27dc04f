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
