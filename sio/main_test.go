package sio_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestMain fails when a server has left goroutines or descriptors behind.
func TestMain(m *testing.M) {
	// Opens the runtime's poller.
	if warm, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		warm.Close()
	}
	descriptors := openDescriptors()
	code := m.Run()
	closeIdle()
	deadline := time.Now().Add(wait.Patience)
	for code == 0 && (len(ours()) > 0 || openDescriptors() > descriptors) {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "leaked: %d descriptors were %d, and these goroutines are left\n%s\n",
				openDescriptors(), descriptors, strings.Join(ours(), "\n\n"))
			code = 1
		}
		time.Sleep(time.Millisecond) // between two looks, not to hide anything
	}
	os.Exit(code)
}

func openDescriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// ours returns the stacks of the goroutines that run code of this module,
// TestMain's own left out. (gnet keeps some of its own for a while.)
func ours() (stacks []string) {
	buf := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "sioserver/sioserver/") && !strings.Contains(stack, "TestMain") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
