/* The MPI library of this program. */
#ifndef AS_COMM_LIBRARY_H
#define AS_COMM_LIBRARY_H

/* Not collective; MPI need not be started. First line of what the library says of itself. Returns text. */
char *as_mpi_library(char text[128]);

#endif
