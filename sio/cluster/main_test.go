package cluster_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// TestMain fails when goroutines of this package are left.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(wait.Patience); code == 0 && len(ours()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "leaked goroutines:\n%s\n", strings.Join(ours(), "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// ours returns the stacks of the goroutines that run code of this package, but
// TestMain's.
func ours() (stacks []string) {
	buf := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "sio/cluster.") && !strings.Contains(stack, "TestMain") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
