/* The MPI library of this program, whether or not MPI was started. */
#include "comm/library.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>

char *as_mpi_library(char text[128])
{
    char whole[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    MPI_Get_library_version(whole, &length);
    whole[strcspn(whole, ",\n")] = '\0'; /* the package and the date follow */
    snprintf(text, 128, "%.127s", whole);
    return text;
}
