-- A role that reads levantwatch's tables and views and can do nothing else. Run by the owner of the database, once, and again
-- after an upgrade that says so (it may be run any number of times):
--
--     psql -v ON_ERROR_STOP=1 -v password="'…'" -d levantwatch -f postgres-readers.sql
--
-- Then: LEVANTWATCH_DATABASE_URL=postgresql://levantwatch_reader:…@host/levantwatch levantwatch search …
\set ON_ERROR_STOP on
SELECT format('CREATE ROLE levantwatch_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'levantwatch_reader') \gexec
ALTER ROLE levantwatch_reader PASSWORD :password;
-- a question that never ends must not hold up the clean-up of old rows
ALTER ROLE levantwatch_reader SET statement_timeout = '60s';
ALTER ROLE levantwatch_reader SET idle_in_transaction_session_timeout = '10min';
ALTER ROLE levantwatch_reader SET default_transaction_read_only = on;
SELECT format('GRANT CONNECT ON DATABASE %I TO levantwatch_reader', current_database()) \gexec
GRANT USAGE ON SCHEMA public TO levantwatch_reader;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO levantwatch_reader;
-- what later versions make, when the same owner upgrades
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO levantwatch_reader;
