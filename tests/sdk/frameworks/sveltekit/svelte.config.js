export default {
  kit: {
    // In production, a text from elsewhere counts as a forged form; the signature tells otherwise.
    csrf: { trustedOrigins: ["*"] },
  },
};
