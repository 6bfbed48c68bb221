//go:build linux

// Package benchtest makes a test binary the server that its tests measure:
// started with an environment variable set, it serves the floor, or misbehaves,
// instead of testing. Only tests import it.
package benchtest

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/bench/floor"
	"github.com/sioserver/sioserver/bench/peer"
)

const variable = "BENCH_TEST_SERVER"

// Taken is the environment variable that Late reads.
const Taken = "BENCH_TEST_TAKEN"

// Mode is how the server behaves.
type Mode string

const (
	Floor Mode = "floor" // serves, and answers questions: its heap is 12345, its one counter grows by 1 each time
	Dies  Mode = "dies"  // writes an error and ends before it listens
	// Late finds its first port taken: while the file exists that Taken names,
	// it is removed and the port not used. Then it serves as Floor does.
	Late Mode = "late"
	// Fragile serves as Floor does, and ends when it should run out of
	// descriptors.
	Fragile Mode = "fragile"
)

// Main is a TestMain that serves when the process was started as a server.
func Main(m *testing.M) {
	mode := Mode(os.Getenv(variable))
	if mode == "" {
		os.Exit(m.Run())
	}
	if err := serve(mode); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func serve(mode Mode) error {
	switch mode {
	case Late:
		if os.Remove(os.Getenv(Taken)) == nil {
			return fmt.Errorf("listen tcp 127.0.0.1:%s: bind: %w", os.Getenv("PORT"), syscall.EADDRINUSE)
		}
		return serve(Floor)
	case Floor, Fragile:
		port, err := strconv.Atoi(os.Getenv("PORT"))
		if err != nil {
			return err
		}
		server, err := floor.Listen(floor.Config{Port: port})
		if err != nil {
			return err
		}
		go func() {
			asked := 0
			for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
				fmt.Println("a line that is no answer")
				question, _, _ := strings.Cut(questions.Text(), " ")
				switch question {
				case "stats":
					asked++
					fmt.Printf("{\"goroutines\":7,\"stats\":{\"Inner\":{\"Asked\":%d}}}\n", asked)
				case "exhaust":
					if mode == Fragile {
						fmt.Fprintln(os.Stderr, "Error: too many open files")
						os.Exit(1)
					}
					fmt.Println(`{"opened":1}`)
				default:
					fmt.Println(`{"heap_used":12345}`)
				}
			}
		}()
		return server.Serve()
	case Dies:
		return fmt.Errorf("the test server has nothing to serve")
	default:
		return fmt.Errorf("unknown mode %q", mode)
	}
}

// Peer is this test binary as a server.
func Peer(mode Mode) *peer.Peer {
	return &peer.Peer{
		Name: string(mode), Label: "the " + string(mode), Command: []string{os.Args[0]},
		// The floor keeps its processor in system calls, so that answering
		// questions needs a second one.
		Env:     map[string]string{variable: string(mode), "GOMAXPROCS": "2"},
		Figures: true, Stats: true, Transports: []string{"websocket"}, Features: map[string][]string{"files": {}},
	}
}

// NeedRedis skips a test where there is no redis-server, and fails it on CI.
func NeedRedis(t *testing.T) {
	t.Helper()
	err := peer.FindRedis()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}
