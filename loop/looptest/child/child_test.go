package child_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/child"
)

const parrot = "CHILD_TEST_PARROT"

// TestProcess: lines go back and forth, and what is printed last is returned.
func TestProcess(t *testing.T) {
	if name := os.Getenv(parrot); name != "" {
		fmt.Println("I am", name)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Println(in.Text(), "again")
		}
		fmt.Println("bye")
		return
	}
	p := child.Start(t, []string{parrot + "=Polly"}, "-test.run=^TestProcess$")
	if line := p.Line(); line != "I am Polly" {
		t.Errorf("%q", line)
	}
	for _, text := range []string{"one", "two"} {
		if line := p.Do(text); line != text+" again" {
			t.Errorf("%q", line)
		}
	}
	if p.PID() == os.Getpid() {
		t.Error("it is this process")
	}
	if rest := p.End(); !strings.HasPrefix(rest, "bye\n") {
		t.Errorf("%q", rest)
	}
}
