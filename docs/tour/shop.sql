-- An invented shop, for the tutorial: its tables as somebody drew them long ago.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY, surname TEXT NOT NULL, first_name TEXT, mobile TEXT, email TEXT,
  city TEXT, no_marketing INTEGER NOT NULL DEFAULT 0, is_deleted INTEGER NOT NULL DEFAULT 0,
  password_hash TEXT);
INSERT INTO customers (surname, first_name, mobile, email, city) VALUES
  ('王', '芳', '13800000001', 'wang.fang@example.test', '杭州'),
  ('Moreau', 'Anna', NULL, 'anna@example.test', 'Lyon'),
  ('李', '伟', '13800000003', 'li.wei@example.test', '深圳'),
  ('李', '敏', '13800000003', NULL, '深圳');
CREATE TABLE cards (
  id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), card_no TEXT,
  card_type TEXT, points INTEGER NOT NULL DEFAULT 0, valid_to TEXT);
INSERT INTO cards (customer_id, card_no, card_type, points, valid_to) VALUES
  (1, 'C-1001', '月卡', 120, '2026-12-31'), (2, 'C-1002', '年卡', 900, '2027-06-30');
