//! The one eBPF program that there is here (bpf(2)): what arrives at a NIC goes to the `AF_XDP` socket of the queue it
//! arrived by.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

// enum bpf_cmd, bpf_map_type, bpf_prog_type, bpf_attach_type of linux/bpf.h.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE_ELEM: libc::c_int = 2;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;

/// `XDP_FLAGS_DRV_MODE` of linux/if_link.h: in the driver, before there is a packet of the kernel's.
const DRIVER_MODE: u32 = 1 << 2;

/// `XDP_PASS` of linux/bpf.h: to the kernel's own stack.
const PASS: i32 = 2;

/// `bpf_redirect_map` of enum bpf_func_id.
const REDIRECT_MAP: i32 = 51;

/// Where `struct xdp_md` has the number of the queue.
const RX_QUEUE_INDEX: i16 = 16;

/// Sockets by the number of their queue (`BPF_MAP_TYPE_XSKMAP`).
#[derive(Debug)]
pub struct SocketMap(OwnedFd);

impl SocketMap {
    /// Makes one with room for the sockets of some queues.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN` on the whole machine, `EINVAL` when the kernel has no `AF_XDP`.
    pub fn new(queues: u32) -> io::Result<Self> {
        #[repr(C)]
        #[derive(Default)]
        struct Attributes {
            map_type: u32,
            key_size: u32,
            value_size: u32,
            max_entries: u32,
            map_flags: u32,
        }
        let mut attributes = Attributes {
            map_type: MAP_TYPE_XSKMAP,
            key_size: 4,
            value_size: 4,
            max_entries: queues,
            map_flags: 0,
        };
        // SAFETY: these are MAP_CREATE's first attributes, and what is missing is zero.
        unsafe { open(MAP_CREATE, &mut attributes).map(Self) }
    }

    /// Puts the socket of a queue in.
    ///
    /// # Errors
    ///
    /// `EBADF` and `EOPNOTSUPP` for what is no bound `AF_XDP` socket.
    pub fn set(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        #[repr(C)]
        struct Attributes {
            map: libc::c_int,
            key: u64,
            value: u64,
            flags: u64,
        }
        let value = socket.as_raw_fd();
        let mut attributes = Attributes {
            map: self.0.as_raw_fd(),
            key: (&raw const queue) as u64,
            value: (&raw const value) as u64,
            flags: 0,
        };
        // SAFETY: these are MAP_UPDATE_ELEM's attributes; key and value are live and of the sizes that the map was
        // made with.
        unsafe { call(MAP_UPDATE_ELEM, &mut attributes).map(drop) }
    }

    /// Has all that arrives at an interface of the calling thread's network namespace go to these sockets, until what is
    /// returned is closed. What arrives by a queue that has none is the kernel's own.
    ///
    /// # Errors
    ///
    /// `EPERM` as [`Self::new`]; `EOPNOTSUPP` when the driver cannot; `EBUSY` when there is another program;
    /// `ERANGE`, `EINVAL` for an MTU or settings with which the driver cannot.
    pub fn attach(&self, ifindex: u32) -> io::Result<OwnedFd> {
        #[repr(C)]
        #[derive(Default)]
        struct Attributes {
            program: libc::c_int,
            target: u32,
            attach_type: u32,
            flags: u32,
        }
        let program = self.program()?;
        let mut attributes = Attributes {
            program: program.as_raw_fd(),
            target: ifindex,
            attach_type: ATTACH_XDP,
            flags: DRIVER_MODE,
        };
        // SAFETY: these are LINK_CREATE's first attributes, and what is missing is zero.
        unsafe { open(LINK_CREATE, &mut attributes) }
    }

    /// Loads the program: `return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS);`.
    fn program(&self) -> io::Result<OwnedFd> {
        #[repr(C)]
        #[derive(Default)]
        struct Attributes {
            program_type: u32,
            count: u32,
            instructions: u64,
            license: u64,
            log_level: u32,
            log_size: u32,
            log: u64,
            kernel_version: u32,
            flags: u32,
            name: [u8; 16],
            ifindex: u32,
            attach_type: u32,
        }
        let program = [
            // r2 = *(u32 *)(r1 + 16): LDX | MEM | W
            instruction(0x61, 2, 1, RX_QUEUE_INDEX, 0),
            // r1 = map: LD | IMM | DW of two, source 1 for a descriptor
            instruction(0x18, 1, 1, 0, self.0.as_raw_fd()),
            instruction(0, 0, 0, 0, 0),
            // r3 = XDP_PASS, what to do without a socket: ALU64 | MOV | K
            instruction(0xb7, 3, 0, 0, PASS),
            // r0 = bpf_redirect_map(r1, r2, r3)
            instruction(0x85, 0, 0, 0, REDIRECT_MAP),
            // return r0
            instruction(0x95, 0, 0, 0, 0),
        ];
        let mut name = [0; 16];
        name[..9].copy_from_slice(b"tapswitch");
        let mut attributes = Attributes {
            program_type: PROG_TYPE_XDP,
            count: u32::try_from(program.len()).unwrap_or(0),
            instructions: program.as_ptr() as u64,
            license: c"MIT OR Apache-2.0".as_ptr() as u64,
            name,
            attach_type: ATTACH_XDP,
            ..Attributes::default()
        };
        // SAFETY: these are PROG_LOAD's first attributes, and what is missing is zero; the pointers are to `count` live
        // instructions and a string with a NUL at its end.
        unsafe { open(PROG_LOAD, &mut attributes) }
    }
}

/// `struct bpf_insn`.
const fn instruction(code: u8, to: u8, from: u8, offset: i16, value: i32) -> [u8; 8] {
    let registers = if cfg!(target_endian = "little") {
        from << 4 | to
    } else {
        to << 4 | from
    };
    let (offset, value) = (offset.to_ne_bytes(), value.to_ne_bytes());
    [
        code, registers, offset[0], offset[1], value[0], value[1], value[2], value[3],
    ]
}

/// Calls bpf(2), which answers with a new descriptor.
///
/// # Safety
///
/// As [`call`], and the command is one that does.
unsafe fn open<T>(command: libc::c_int, attributes: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's.
    let raw = unsafe { call(command, attributes)? };
    // SAFETY: `raw` was just opened and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Calls bpf(2).
///
/// # Safety
///
/// `attributes` is laid out as the beginning of the command's part of `union bpf_attr`, and its pointers are good.
unsafe fn call<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the caller's.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(libc::c_int::try_from(result).unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_laid_out_as_the_kernel_reads_them() {
        let octets = instruction(0x61, 2, 1, 16, -1);
        assert_eq!(octets[0], 0x61);
        if cfg!(target_endian = "little") {
            assert_eq!(octets[1..], [0x12, 16, 0, 255, 255, 255, 255]);
        }
    }
}
