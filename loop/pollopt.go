//go:build poll_opt

package loop

// With its build tag poll_opt gnet registers sockets by pointers of its own, which
// Conn.Pause could not restore. So the build ends here.
var _ = gnetWithTagPollOptIsNotSupported
