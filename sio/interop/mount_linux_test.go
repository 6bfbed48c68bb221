package interop

import (
	"syscall"
	"testing"
)

// mountSmall mounts a file system of 8 MB and returns its folder, or "" if the
// process may not mount any.
func mountSmall(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Logf("no file system of its own (%v): Redis is told to store elsewhere", err)
		return ""
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
