-- Run once by an administrator of the server, as \password sets the passwords: the database, who owns it, and the stations.
CREATE ROLE keywright_owner LOGIN;
CREATE ROLE keywright_stations NOLOGIN;
CREATE ROLE desk1 LOGIN IN ROLE keywright_stations;
CREATE DATABASE keywright OWNER keywright_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE keywright FROM PUBLIC;
GRANT CONNECT ON DATABASE keywright TO keywright_stations;
