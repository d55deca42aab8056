DROP TABLE budget_reservations, budget_lines, packages;
