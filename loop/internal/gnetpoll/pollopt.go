//go:build linux && poll_opt

package gnetpoll

// With its build tag poll_opt gnet registers sockets by pointers of its own,
// which Resume cannot restore. So the build fails here.
var _ = gnetWithTagPollOptIsNotSupported
