package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// The heartbeat that the suites count on. Both servers run one loop: the suites
// send requests side by side on two connections and count on the order in which
// one thread would take them.
const (
	pingInterval = 300 * time.Millisecond
	pingTimeout  = 200 * time.Millisecond
)

func main() {
	suite := flag.String("suite", "", "engineio, engineio3, socketio, engineio-client or socketio-client")
	addr := flag.String("addr", ":3000", "`host:port` to listen on")
	flag.Parse()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	serve, known := map[string]func(string) error{
		"engineio": serveEngine, "engineio3": serveEngine3, "socketio": serveSocket,
		"engineio-client": serveEngineClient, "socketio-client": serveSocketClient,
	}[*suite]
	if !known {
		fmt.Fprintf(os.Stderr, "suite: invalid value %q for flag -suite: see -h\n", *suite)
		os.Exit(2)
	}
	if err := serve(*addr); err != nil {
		fmt.Fprintf(os.Stderr, "suite: %v\n", err)
		os.Exit(2)
	}
	fmt.Printf("serving %s on %s\n", *suite, *addr)
	<-signals
}
