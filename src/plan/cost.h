/* What an own machine costs against a service that is paid by the token. */
#pragma once

#include "plan/box.h"

/* Dollars per million tokens in and out, as services state them; both 0: not asked. */
struct prices {
    double input, output;
    double kwh;   /* dollars a kilowatt-hour */
    double years; /* the machine is used */
};

/* Zeros where price, power or speed are not known. */
struct cost {
    double box_year;       /* dollars: its price over its years */
    double energy_million; /* dollars of electricity for a million tokens out */
    double
        service_million;   /* dollars the service takes for a million tokens out, with as many in */
    double break_even_day; /* tokens out a day from which the box is cheaper; 0: never */
    double most_day;       /* tokens out the box can write in a day */
};

struct cost cost_of(const struct box *box, const struct prices *prices, double decode_rate);
