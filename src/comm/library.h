/* The MPI library of this program. */
#ifndef AS_COMM_LIBRARY_H
#define AS_COMM_LIBRARY_H

/* Not collective; MPI need not be started. Name and version as the library gives them. Returns text. */
char *as_mpi_library(char text[128]);

#endif
