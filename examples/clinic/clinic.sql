-- An invented clinic on PostgreSQL with tidy tables: UUID keys, a time of the last change with its zone, soft deletes, a ledger of
-- points, complaints with a handling flow. Every person and number is made up.

CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;

CREATE TABLE patients (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  family_name text NOT NULL,
  given_name text,
  phone text UNIQUE,
  email text,
  birth_date date,
  city text,
  notes_of_doctors text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE INDEX ON patients (updated_at, id);
CREATE TRIGGER touched BEFORE UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION touched();

CREATE TABLE cards (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  patient_id uuid NOT NULL REFERENCES patients,
  card_no text NOT NULL UNIQUE,
  plan text CHECK (plan IN ('month', 'quarter', 'year')),
  valid_from date,
  valid_to date,
  deleted_at timestamptz
);

CREATE TABLE points (
  id bigserial PRIMARY KEY,
  card_id uuid REFERENCES cards,
  points integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON points (card_id);

CREATE TABLE complaints (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  patient_id uuid REFERENCES patients,
  title text NOT NULL,
  body text,
  status text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'triaged', 'assigned', 'resolved', 'answered')),
  assignee text,
  resolution text,
  opened_at timestamptz NOT NULL DEFAULT now(),
  assigned_at timestamptz,
  resolved_at timestamptz,
  answered_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE INDEX ON complaints (updated_at, id);
CREATE TRIGGER touched BEFORE UPDATE ON complaints FOR EACH ROW EXECUTE FUNCTION touched();

INSERT INTO patients (id, family_name, given_name, phone, email, birth_date, city, notes_of_doctors, deleted_at) VALUES
('00000000-0000-4000-8000-000000000001', 'Novak', 'Ana', '+34600000001', 'ana@example.test', '1980-03-13', 'Madrid', 'not for sale', NULL),
('00000000-0000-4000-8000-000000000002', '陈', '墨', '+8619900000002', 'chen.mo@example.test', '1991-06-24', '深圳', 'not for sale', NULL),
('00000000-0000-4000-8000-000000000003', 'Okafor', 'Ngozi', '+34600000003', NULL, NULL, 'Valencia', 'not for sale', NULL),
('00000000-0000-4000-8000-000000000004', 'Gone', 'Long', '+34600000004', NULL, NULL, NULL, 'not for sale', '2025-01-01 00:00:00+01');

INSERT INTO cards (id, patient_id, card_no, plan, valid_from, valid_to) VALUES
('00000000-0000-4000-9000-000000000001', '00000000-0000-4000-8000-000000000001', 'C-0001', 'month', '2026-01-01', '2026-01-31'),
('00000000-0000-4000-9000-000000000002', '00000000-0000-4000-8000-000000000002', 'C-0002', 'year', '2026-01-01', '2026-12-31');

INSERT INTO points (card_id, points) VALUES
('00000000-0000-4000-9000-000000000001', 120),
('00000000-0000-4000-9000-000000000001', -20),
('00000000-0000-4000-9000-000000000002', 75);

INSERT INTO complaints (id, patient_id, title, body, opened_at) VALUES
('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000001', 'Waited for an hour', 'Twice this month.', '2026-02-02 09:00:00+01'),
('00000000-0000-4000-a000-000000000002', NULL, 'The door is heavy', NULL, '2026-02-03 10:30:00+01');
