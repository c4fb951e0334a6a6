/* Made by tests/reference/make_bayes_net.py from tests/statistics/asia.csv with Python 3.11.7. */
static const double bic_score = -1347.5871891077172;
/* bit j of entry i: node j is a parent of node i */
static const int bic_parents[] = {0, 8, 40, 32, 2, 64, 0, 48};
static const double k2_score = -1351.9129573063265;
/* bit j of entry i: node j is a parent of node i */
static const int k2_parents[] = {0, 16, 0, 2, 132, 12, 32, 4};
