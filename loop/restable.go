//go:build !poll_opt

package loop

// restable tells that gnet's registrations of sockets are known, by which type rest
// finds its epoll instance.
const restable = true
