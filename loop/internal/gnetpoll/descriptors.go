//go:build linux

package gnetpoll

import (
	"os"
	"slices"
	"strconv"
)

// blindSearch is how many descriptors are tried when the system does not list
// those that are open. The ones that are searched for are opened at start, so
// their numbers are low.
const blindSearch = 1 << 16

// descriptors returns the numbers up to highest that the process may have open,
// in ascending order.
func descriptors(highest int) []int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return upTo(min(highest, blindSearch))
	}
	fds := make([]int, 0, len(entries))
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd <= highest {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds
}

func upTo(highest int) []int {
	fds := make([]int, highest+1)
	for i := range fds {
		fds[i] = i
	}
	return fds
}
