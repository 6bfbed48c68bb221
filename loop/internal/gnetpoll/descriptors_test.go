//go:build linux

package gnetpoll

import "testing"

// The search for gnet's descriptors tries only those that the process has.
func TestSearchIsBounded(t *testing.T) {
	open := descriptors(1 << 30)
	for _, fd := range open {
		if fd < 0 || fd > 1<<20 {
			t.Errorf("descriptor %d is listed", fd)
		}
	}
	if len(open) < 3 {
		t.Errorf("%d descriptors are listed, at least the standard ones are open", len(open))
	}
	if blind := upTo(3); len(blind) != 4 || blind[3] != 3 {
		t.Errorf("up to 3 are %v", blind)
	}
}
