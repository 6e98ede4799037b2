// Command peers is a C library, built with -buildmode=c-shared. It holds this module and
// the other Go contenders, so that one process can measure them and the Python frameworks
// on the same memory, in turns. See README.md and the Python package contest, which calls
// it.
package main

func main() {}
