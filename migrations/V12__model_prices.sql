-- One row is what a model costs from a day on, in USD for a million tokens.
create table model_prices (
    -- As the provider names it; a dated release, such as name-2025-04-14, has its model's price unless it has its own.
    model text not null,
    effective_from date not null,
    input_usd numeric not null,
    cached_input_usd numeric not null,
    output_usd numeric not null,
    constraint model_prices_pkey primary key (model, effective_from),
    constraint model_prices_model_not_blank check (btrim(model) <> ''),
    constraint model_prices_not_negative check (least(input_usd, cached_input_usd, output_usd) >= 0)
);

-- Published list prices. Whoever pays another price adds a row.
insert into model_prices (model, effective_from, input_usd, cached_input_usd, output_usd) values
    ('gpt-4o', '2024-10-01', 2.50, 1.25, 10.00),
    ('gpt-4o-mini', '2024-10-01', 0.15, 0.075, 0.60),
    ('gpt-4.1', '2025-04-14', 2.00, 0.50, 8.00),
    ('gpt-4.1-mini', '2025-04-14', 0.40, 0.10, 1.60),
    ('gpt-4.1-nano', '2025-04-14', 0.10, 0.025, 0.40),
    ('gpt-5', '2025-08-07', 1.25, 0.125, 10.00),
    ('gpt-5-mini', '2025-08-07', 0.25, 0.025, 2.00),
    ('gpt-5-nano', '2025-08-07', 0.05, 0.005, 0.40);
