-- Access model and conventions of this schema.
--
-- The application calls functions and never touches a table directly: `supabase.rpc` reaches PostgREST on Supabase and an
-- in-process endpoint elsewhere, both as the role service_role. Functions are SECURITY INVOKER; service_role bypasses RLS.
-- Each table has RLS enabled without policies and no grants to anon or authenticated. Supabase's default privileges grant
-- EXECUTE on new functions to anon and authenticated, so each file revokes it by name from these roles and from public.
--
-- Lock order: the row in public.companies first (FOR NO KEY UPDATE). It serialises planning, claiming and withdrawing of the
-- messages of one company. clock_timestamp() is used where a transaction may have waited for a lock; now() is its start.

grant usage on schema public to service_role;
