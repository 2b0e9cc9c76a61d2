#include "plan/cost.h"

struct cost cost_of(const struct box *box, const struct prices *prices, double decode_rate)
{
    const double joules_kwh = 3.6e6, day = 86400;
    struct cost cost = {0};
    if (prices->years > 0) cost.box_year = box->price / prices->years;
    cost.most_day = decode_rate * day;
    if (decode_rate > 0)
        cost.energy_million = box->watts / decode_rate * 1e6 / joules_kwh * prices->kwh;
    cost.service_million = prices->input + prices->output;
    double saved = cost.service_million - cost.energy_million;
    if (cost.box_year > 0 && saved > 0) cost.break_even_day = cost.box_year / 365 / saved * 1e6;
    return cost;
}
