// The files of files/ as one: most of compiling one of them alone is reading Arrow's headers.
#include "files/decompressor.cpp"
#include "files/file_input.cpp"
#include "files/ipc_source.cpp"
#include "files/parquet_source.cpp"
#include "files/reader.cpp"
#include "files/temporary.cpp"
#include "files/writer.cpp"
