-- Clients of a company by phone number: contact history and opt-outs.

create table public.contacts (
  company_id bigint not null references public.companies on delete cascade,
  phone text not null check (phone ~ '^\+[0-9]{5,15}$'),
  -- First message sent to this contact by the number companies.warm_up_phone.
  first_sent_at timestamptz,
  -- First message of the current number that WhatsApp accepted for this contact.
  reached_at timestamptz,
  -- Last message from this contact to the current number.
  last_received_at timestamptz,
  opted_out_at timestamptz,
  primary key (company_id, phone)
);
create index contacts_opted_out_at_idx on public.contacts (company_id, opted_out_at desc) where opted_out_at is not null;

-- True when the company has written to the contact or the contact to the company.
create function public.contact_is_known(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts
    where company_id = p_company_id and phone = p_phone and coalesce(first_sent_at, last_received_at) is not null
  )
$$;

-- True when a chat exists on WhatsApp, whose restrictions apply to new chats only.
create function public.contact_has_chat(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts
    where company_id = p_company_id and phone = p_phone and coalesce(reached_at, last_received_at) is not null
  )
$$;

create function public.contact_is_opted_out(p_company_id bigint, p_phone text)
returns boolean language sql stable set search_path = '' as $$
  select exists (
    select from public.contacts where company_id = p_company_id and phone = p_phone and opted_out_at is not null
  )
$$;

create function public.contact_received(p_company_id bigint, p_phone text)
returns void language sql set search_path = '' as $$
  insert into public.contacts (company_id, phone, last_received_at) values (p_company_id, p_phone, now())
  on conflict (company_id, phone) do update set last_received_at = now()
$$;

alter table public.contacts enable row level security;
revoke all on public.contacts from public, anon, authenticated;
grant select, insert, update, delete on public.contacts to service_role;

revoke execute on function
  public.contact_is_known, public.contact_has_chat, public.contact_is_opted_out, public.contact_received
from public, anon, authenticated;
grant execute on function
  public.contact_is_known, public.contact_has_chat, public.contact_is_opted_out, public.contact_received
to service_role;
