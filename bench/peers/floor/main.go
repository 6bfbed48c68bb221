//go:build linux

// Command floor serves the bare epoll floor on the port of the environment
// variable PORT, for the benchmark harness.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/sioserver/sioserver/bench/floor"
)

func main() {
	joined := flag.Bool("joined", false, "one send a connection and turn of the loop")
	flag.Parse()
	port, err := strconv.Atoi(os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor: PORT must be a port number:", err)
		os.Exit(2)
	}
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	server, err := floor.Listen(floor.Config{Port: port, Joined: *joined})
	if err == nil {
		err = server.Serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
