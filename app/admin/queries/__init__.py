"""SQL of the merchant's pages, split by page: session first, `shop_id` explicit, nothing is changed here."""
