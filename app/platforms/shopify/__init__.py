"""Everything that knows Shopify. Outside this folder its words don't occur."""
